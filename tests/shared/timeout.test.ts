import { expect, test } from 'vitest';
import { within } from '../../shared/runtime/timeout.ts';

const never = new Promise<string>(() => undefined);

test('work that ends gives its result, and work that takes too long what is wanted instead', async () => {
  await expect(within(60_000, Promise.resolve('done'))).resolves.toBe('done');
  await expect(within(60_000, Promise.reject(new Error('failed')))).rejects.toThrow('failed');
  await expect(within(1, never)).rejects.toThrow('it took longer than 1 ms');
  await expect(within(1, never, () => 'instead')).resolves.toBe('instead');
  const refuse = (): string => {
    throw new RangeError('too late');
  };
  await expect(within(1, never, refuse)).rejects.toThrow(RangeError);
});
