import { expect, test } from 'vitest';
import { createLog } from '../../shared/runtime/log.ts';
import { measureIdleCost } from '../../simulator/idle-cost/idle-cost.ts';
import { formatIdleCost, isCheap } from '../../simulator/idle-cost/report.ts';

test(
  'asleep, the whole system sends Redis nothing; a message costs little',
  { tags: 'long' },
  async () => {
    const cost = await measureIdleCost({
      seconds: 5,
      awakeSeconds: undefined,
      searchPath: process.env['PATH'] ?? '',
      log: createLog('test', 'silent'),
      say: () => undefined,
      signal: new AbortController().signal,
    });
    expect(cost.asleep).toEqual({ total: 0, commands: [] });
    expect(cost.coldMessage.total).toBeGreaterThan(10);
    expect(cost.coldMessage.total).toBeLessThan(150);
    expect(isCheap(cost)).toBe(true);
    expect(formatIdleCost(cost, 5, undefined)).toMatch(
      /asleep, 5 s +0 {3}\(expected: 0\)\n +one message: wake, answer, sleep +\d+: EVALSHA \d+/,
    );
  },
);

test(
  'a system that sends something while it sleeps, or much while it is awake, is not cheap',
  { tags: 'long' },
  () => {
    const nothing = { total: 0, commands: [] };
    const some = { total: 1, commands: [['GET', 1]] satisfies [string, number][] };
    expect(isCheap({ asleep: some, coldMessage: some, awake: undefined })).toBe(false);
    expect(
      isCheap({
        asleep: nothing,
        coldMessage: some,
        awake: { message: some, idle: some, perDay: 6000 },
      }),
    ).toBe(true);
    expect(
      isCheap({
        asleep: nothing,
        coldMessage: some,
        awake: { message: some, idle: some, perDay: 6001 },
      }),
    ).toBe(false);
  },
);
