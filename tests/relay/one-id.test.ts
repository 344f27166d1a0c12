import { expect, test } from 'vitest';
import { createLog } from '../../shared/runtime/log.ts';
import { withPipeline } from '../support/pipeline.ts';
import { until } from '../support/until.ts';

type Line = Record<string, unknown>;

/** Runs the pipeline with its whole log, of the relay and the worker, in one list. */
async function withLog(
  run: (
    pipeline: Parameters<Parameters<typeof withPipeline>[1]>[0],
    lines: () => Line[],
  ) => Promise<void>,
): Promise<void> {
  const lines: Line[] = [];
  const log = createLog('test', 'info', {
    write: (line) => void lines.push(JSON.parse(line) as Line),
  });
  await withPipeline({ log }, (pipeline) => run(pipeline, () => lines));
}

test('one id leads from the webhook to the delivery, with a line for each step', async () => {
  await withLog(async ({ say, startWorker, replies }, lines) => {
    await startWorker();
    const sid = await say('look at the login page');
    await until('the answer', () => replies().length === 1);
    const isDelivered = (line: Line): boolean =>
      line['turn'] === sid && line['msg'] === 'status' && line['status'] === 'delivered';
    await until('the line about its delivery', () => lines().some(isDelivered));
    await until('the end of the turn', () =>
      lines().some((line) => line['turn'] === sid && line['msg'] === 'turn done'),
    );
    const trail = lines()
      .filter((line) => line['turn'] === sid)
      .map((line) =>
        line['msg'] === 'status' ? `status ${String(line['status'])}` : String(line['msg']),
      );
    // The status callbacks and the end of the turn come in any order.
    expect(trail.slice(0, 2)).toEqual(['accepted', 'turn']);
    expect(trail.toSorted()).toEqual([
      'accepted',
      'sent',
      'status delivered',
      'status sent',
      'turn',
      'turn done',
    ]);
    expect(trail.indexOf('turn')).toBeLessThan(trail.indexOf('sent'));
    expect(trail.indexOf('status sent')).toBeLessThan(trail.indexOf('status delivered'));
    expect(
      lines().filter((line) => line['turn'] === sid && line['msg'] === 'turn done'),
    ).toMatchObject([{ messages: 1, replies: 1, inputTokens: 10, costUsd: 0.001 }]);
    const text = JSON.stringify(lines());
    expect(text).not.toContain('login page');
    expect(text).not.toContain('5551230001');
  });
});
