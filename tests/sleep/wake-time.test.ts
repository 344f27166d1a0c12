import { expect, test } from 'vitest';
import { createLog } from '../../shared/runtime/log.ts';
import { formatWakeTime } from '../../simulator/wake-time/report.ts';
import { measureWakeTime } from '../../simulator/wake-time/wake-time.ts';

test(
  'the way of a message is measured cold and warm, station by station',
  { tags: 'long' },
  async () => {
    const times = await measureWakeTime({
      rounds: 1,
      searchPath: process.env['PATH'] ?? '',
      log: createLog('test', 'silent'),
      say: () => undefined,
      signal: new AbortController().signal,
    });
    const [cold, warm] = [times.cold[0], times.warm[0]];
    const way = [cold?.sent, cold?.accepted, cold?.ready, cold?.turn, cold?.asked, cold?.answered];
    expect(way).toEqual(way.toSorted((a = 0, b = 0) => a - b));
    expect(way.every((time) => Number.isFinite(time))).toBe(true);
    expect(warm?.ready).toBeUndefined();
    expect((warm?.asked ?? 0) - (warm?.sent ?? 0)).toBeLessThan(
      (cold?.asked ?? 0) - (cold?.sent ?? 0),
    );
    expect(formatWakeTime(times)).toMatch(/until the worker is ready +\d+ +–\n/);
  },
);
