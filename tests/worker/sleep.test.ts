import { expect, test, vi } from 'vitest';
import { createLog } from '../../shared/runtime/log.ts';
import { createSleep } from '../../worker/process/sleep.ts';
import type { Sleep } from '../../worker/process/sleep.ts';
import { until } from '../support/until.ts';

type Bench = { sleep: Sleep; events: string[] };

/** A worker that may sleep at once. `onPause` runs while it stops taking jobs. */
function bench(onPause: (bench: Bench) => void = () => undefined, fallAsleep = true): Bench {
  const events: string[] = [];
  const note = (event: string) => async (): Promise<void> => void events.push(event);
  const all: Bench = {
    events,
    sleep: createSleep({
      idleMs: 5,
      resume: note('resume'),
      onAsleep: () => void events.push('asleep'),
      log: createLog('test', 'silent'),
      async pause() {
        events.push('pause');
        onPause(all);
      },
      async fallAsleep() {
        events.push('look');
        return fallAsleep;
      },
    }),
  };
  return all;
}

test('with nothing to do the worker sleeps, once', async () => {
  const { sleep, events } = bench();
  sleep.stir();
  await until('it sleeps', () => events.includes('asleep'));
  sleep.stir();
  await new Promise((resolve) => setTimeout(resolve, 30));
  expect(events).toEqual(['pause', 'look', 'asleep']);
});

test('work that begins while the queues are being paused keeps the worker awake', async () => {
  const work = Promise.withResolvers<void>();
  const { sleep, events } = bench(({ sleep }) => void sleep.during(() => work.promise));
  sleep.stir();
  await until('it goes on', () => events.includes('resume'));
  expect(events).toEqual(['pause', 'resume']);
  sleep.stop();
  work.resolve();
});

test('while something is worked nothing is paused; what Redis finds to do resumes the queues', async () => {
  const work = Promise.withResolvers<void>();
  const { sleep, events } = bench(undefined, false);
  const working = sleep.during(() => work.promise);
  sleep.stir();
  await new Promise((resolve) => setTimeout(resolve, 30));
  expect(events).toEqual([]);
  work.resolve();
  await working;
  await until('it goes on', () => events.includes('resume'));
  expect(events).toEqual(['pause', 'look', 'resume']);
  sleep.stop();
});

test('what runs without a job keeps the worker awake', async () => {
  const events: string[] = [];
  let isBusy = true;
  vi.useFakeTimers();
  try {
    const sleep = createSleep({
      idleMs: 5,
      pause: async () => void events.push('pause'),
      resume: async () => undefined,
      isBusy: () => isBusy,
      fallAsleep: async () => true,
      onAsleep: () => void events.push('asleep'),
      log: createLog('test', 'silent'),
    });
    sleep.stir();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(events).toEqual([]);
    isBusy = false;
    await vi.advanceTimersByTimeAsync(5000);
    expect(events).toEqual(['pause', 'asleep']);
  } finally {
    vi.useRealTimers();
  }
});
