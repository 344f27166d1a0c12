import { z } from 'zod';
import { prefix } from '../redis/keys.ts';
import type { HomeSuffix } from '../redis/keys.ts';
import type { Redis } from '../redis/redis.ts';
import { fieldsOf, runScript } from '../redis/script.ts';
import { loadScript } from '../redis/script-file.ts';

/** How many turns a home's queue has in each of BullMQ's states. */
export type TurnCounts = Record<'waiting' | 'active' | 'delayed' | 'failed' | 'completed', number>;

/**
 * What a home does at one moment. `worker` is the one whose heartbeat is the latest, undefined
 * when none lives; `wakingSince` and `nextDue` are ms since 1970, and so is `asleepSince`, which is
 * undefined unless the last worker has said that it falls asleep; `wakes` are the durations of the
 * last wakes (ms), newest first.
 */
export type HomeState = {
  worker: string | undefined;
  wakingSince: number | undefined;
  asleepSince: number | undefined;
  nextDue: number | undefined;
  wakes: number[];
  messagesWaiting: number;
  turns: TurnCounts;
};

const statesScript = loadScript(new URL('lua/home-states.lua', import.meta.url), {
  args: ['prefix'],
  rest: 'suffixes',
});

const States = z.array(
  z
    .tuple([
      z.string(),
      z.string(),
      z.array(z.string()),
      z.array(z.coerce.number()),
      z.number(),
      z.tuple([z.number(), z.number(), z.number(), z.number(), z.number()]),
    ])
    .transform(([worker, waking, flat, wakes, messagesWaiting, counts]): HomeState => {
      const { state, since, nextDue } = fieldsOf(flat);
      const [waiting, active, delayed, failed, completed] = counts;
      return {
        worker: worker || undefined,
        wakingSince: waking ? Number(waking) : undefined,
        asleepSince: state === 'asleep' ? Number(since ?? 0) : undefined,
        nextDue: nextDue ? Number(nextDue) : undefined,
        wakes,
        messagesWaiting,
        turns: { waiting, active, delayed, failed, completed },
      };
    }),
);

/** Reads the states of these homes, in this order, in one command. */
export async function readHomeStates(
  redis: Redis,
  homes: readonly HomeSuffix[],
): Promise<HomeState[]> {
  return States.parse(await runScript(redis, statesScript, { args: { prefix }, rest: homes }));
}
