import { expect, test } from 'vitest';
import { createShutdown } from '../../shared/runtime/lifecycle.ts';
import { createLog } from '../../shared/runtime/log.ts';

test('everything is released in reverse order, once, and what is added later at once', async () => {
  const released: string[] = [];
  const shutdown = createShutdown(createLog('test', 'silent'));
  shutdown.add('first', () => released.push('first'));
  shutdown.add('failing', () => {
    released.push('failing');
    // A step that is still under way adds its part while others are released.
    shutdown.add('during', () => released.push('during'));
    throw new Error('no');
  });
  await Promise.all([shutdown.run(), shutdown.run()]);
  expect(released).toEqual(['failing', 'during', 'first']);
  shutdown.add('late', () => released.push('late'));
  expect(released.at(-1)).toBe('late');
  await shutdown.run();
  expect(released).toHaveLength(4);
});
