import { expect, test } from 'vitest';
import { createLog } from '../../shared/runtime/log.ts';
import { createSweepBackoff } from '../../worker/process/sweep-backoff.ts';
import type { SweepBackoff } from '../../worker/process/sweep-backoff.ts';

type Pending = { ms: number; run: () => void };

/** A clock of the test's own: what is to be run after which time. */
function createBench(sweep: (conversation: string) => Promise<unknown>): {
  sweepBackoff: SweepBackoff;
  pending: Pending[];
  elapse: () => Promise<void>;
} {
  const pending: Pending[] = [];
  const after = (ms: number, run: () => void): (() => void) => {
    const entry = { ms, run };
    pending.push(entry);
    return () => void pending.splice(pending.indexOf(entry), 1);
  };
  return {
    sweepBackoff: createSweepBackoff({ sweep, after, log: createLog('test', 'silent') }),
    pending,
    async elapse() {
      pending.shift()?.run();
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

test('each failure of a conversation in a row is looked after later than the one before, up to ten minutes; a success begins anew', async () => {
  const swept: string[] = [];
  const { sweepBackoff, pending, elapse } = createBench(async (conversation) =>
    swept.push(conversation),
  );
  const pauses: (number | undefined)[] = [];
  for (let failure = 0; failure < 9; failure += 1) {
    sweepBackoff.onFailed('a');
    pauses.push(pending[0]?.ms);
    await elapse();
  }
  expect(pauses).toEqual([5, 10, 20, 40, 80, 160, 320, 600, 600].map((seconds) => seconds * 1000));
  expect(swept).toEqual(Array.from({ length: 9 }, () => 'a'));
  sweepBackoff.onFailed('b');
  expect(pending.map(({ ms }) => ms)).toEqual([5000]);
  sweepBackoff.onDone('a');
  sweepBackoff.onFailed('a');
  expect(pending.map(({ ms }) => ms)).toEqual([5000, 5000]);
});

test('a failure that wants no sweep counts with the others', async () => {
  const { sweepBackoff, pending } = createBench(async () => undefined);
  expect([
    sweepBackoff.pauseAfterFailure('a'),
    sweepBackoff.pauseAfterFailure('a'),
    sweepBackoff.pauseAfterFailure('b'),
  ]).toEqual([5000, 10_000, 5000]);
  expect([pending, sweepBackoff.isPending('a')]).toEqual([[], false]);
  sweepBackoff.onFailed('a');
  expect(pending.map(({ ms }) => ms)).toEqual([20_000]);
  sweepBackoff.onDone('b');
  expect(sweepBackoff.pauseAfterFailure('b')).toBe(5000);
});

test('several failures before the look are looked after once', async () => {
  const { sweepBackoff, pending } = createBench(async () => undefined);
  sweepBackoff.onFailed('a');
  sweepBackoff.onFailed('a');
  expect(pending).toHaveLength(1);
  sweepBackoff.stop();
  expect(pending).toEqual([]);
});

test('a look that fails, since Redis is away or full, is repeated until one succeeds', async () => {
  let away = 2;
  const { sweepBackoff, pending, elapse } = createBench(async () => {
    away -= 1;
    if (away >= 0) throw new Error('OOM');
  });
  sweepBackoff.onFailed('a');
  await elapse();
  expect(pending.map(({ ms }) => ms)).toEqual([10_000]);
  await elapse();
  expect(pending.map(({ ms }) => ms)).toEqual([20_000]);
  await elapse();
  expect(pending).toEqual([]);
});
