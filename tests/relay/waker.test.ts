import { setTimeout as wait } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createWaker } from '../../relay/wake/waker.ts';
import type { Waker } from '../../relay/wake/waker.ts';
import { createLog } from '../../shared/runtime/log.ts';
import type { Need, VmState } from '../../shared/store/vm-state.ts';
import { until } from '../support/until.ts';

const idle: Need = { work: false, heartbeatMs: 0, nextDue: undefined };
const waiting: Need = { ...idle, work: true };
const alive: Need = { ...waiting, heartbeatMs: 3600_000 };

type Bench = {
  waker: Waker;
  /** What happened, in order. */ events: string[];
  times: (event: string) => number;
};

/** A waker whose looks find what `look` says of each, counted from 1. */
async function withWaker(
  look: (time: number) => Need | Promise<Need>,
  run: (bench: Bench) => Promise<void>,
  {
    now = Date.now,
    tellMs = 3600_000,
    begin,
  }: { now?: () => number; tellMs?: number; begin?: (now: number) => number } = {},
): Promise<void> {
  let began: number | undefined;
  const events: string[] = [];
  const times = (event: string): number => events.filter((other) => other === event).length;
  const note = (event: string) => (): void => void events.push(event);
  const vm: VmState = {
    async need() {
      events.push('look');
      return await look(times('look'));
    },
    fallAsleep: async () => true,
    waiting: async () => ({ conversations: [], messages: 0 }),
    usualWake: async () => undefined,
    noteWake: async () => note('awake')(),
  };
  const waker = createWaker({
    vm,
    times: { tellMs, giveUpMs: 3600_000, firstPauseMs: 5, lastPauseMs: 20 },
    log: createLog('test', 'silent'),
    now,
    call: async () => note('call')(),
    begin: async (at) => begin?.(at) ?? (began ??= at),
    end: async () => note('end')(),
    tellWaking: note('told'),
    tellFailing: note('told'),
    gone: { everyMs: tellMs, run: note('gone') },
  });
  try {
    await run({ waker, events, times });
  } finally {
    waker.stop();
  }
}

test('a look that failed is repeated by itself, so that a message that waits wakes the VM', async () => {
  const look = (time: number): Need => {
    if (time === 1) throw new Error('Redis is away');
    return time < 4 ? waiting : alive;
  };
  await withWaker(look, async ({ waker, events, times }) => {
    waker.look();
    await until('the VM is awake', () => times('awake') === 1);
    expect(events.slice(0, 3)).toEqual(['look', 'look', 'call']);
  });
});

test('what is asked during a look is looked at after it: the worker may have fallen asleep meanwhile', async () => {
  const first = Promise.withResolvers<Need>();
  await withWaker(
    (time) => (time === 1 ? first.promise : idle),
    async ({ waker, times }) => {
      waker.look();
      waker.onControl({ kind: 'asleep', nextDue: 0 });
      first.resolve(alive);
      await until('a second look', () => times('look') === 2);
      await wait(50);
      expect(times('look')).toBe(2);
    },
  );
});

test('however often it is asked, one wake is under way; while somebody is alive nothing is asked; a stop ends it', async () => {
  let sign: Need = waiting;
  await withWaker(
    () => sign,
    async ({ waker, times }) => {
      for (let time = 0; time < 20; time += 1) waker.look();
      await until('three calls', () => times('call') >= 3);
      for (let time = 0; time < 20; time += 1) waker.look();
      sign = alive;
      await until('the VM is awake', () => times('awake') === 1);
      await wait(50);
      const [looks, calls] = [times('look'), times('call')];
      for (let time = 0; time < 20; time += 1) waker.look();
      await wait(50);
      expect([times('look'), times('call'), times('end')]).toEqual([looks, calls, 1]);
      sign = idle;
      waker.stop();
      waker.onControl({ kind: 'asleep', nextDue: 0 });
      await wait(20);
      expect(times('look')).toBe(looks);
    },
  );
});

test('a job that is due later is looked at when it is due', async () => {
  const due = Date.now() + 100;
  await withWaker(
    (time) => (time === 1 ? { ...idle, nextDue: due } : idle),
    async ({ waker, times }) => {
      waker.look();
      await until('the look at that time', () => times('look') === 2);
      expect(Date.now()).toBeGreaterThanOrEqual(due - 2);
    },
  );
});

test('people hear that the VM wakes although the clock was set back since the wake began', async () => {
  let ahead = 3600_000;
  const options = { now: () => Date.now() + ahead, tellMs: 100 };
  const look = (time: number): Need => {
    // The first look is before the wake.
    if (time === 2) ahead = 0;
    return waiting;
  };
  await withWaker(
    look,
    async ({ waker, times }) => {
      waker.look();
      await until('the word', () => times('told') > 0);
      expect(times('told')).toBe(1);
    },
    options,
  );
});

test('a wake whose VM has lived meanwhile begins anew: no one hears of it, and its home is not dead', async () => {
  let begun = 0;
  // Redis has an old wake at first, and none at the next look: a worker has ended it.
  const begin = (now: number): number => ((begun += 1) === 1 ? now - 600_000 : now - begun);
  await withWaker(
    () => waiting,
    async ({ waker, times }) => {
      waker.look();
      await until('the next wake', () => begun === 3 && times('call') > 5);
      expect([times('told'), times('gone')]).toEqual([0, 0]);
    },
    { tellMs: 60_000, begin },
  );
  const old = Date.now() - 600_000;
  await withWaker(
    () => waiting,
    async ({ waker, times }) => {
      waker.look();
      await until('the word', () => times('gone') > 0);
      expect(times('told')).toBe(1);
    },
    { tellMs: 60_000, begin: () => old },
  );
});
