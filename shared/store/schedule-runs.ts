import { keys } from './redis/keys.ts';
import type { Redis } from './redis/redis.ts';
import { runScript } from './redis/script.ts';
import { loadScript } from './redis/script-file.ts';

/**
 * What a person was asked about a schedule that runs more often than a new one may, and their
 * choice.
 */
export type ScheduleChoice = 'asked' | 'kept';

/** The schedule runs per person and day, and the decisions about schedules that run too often. */
export type ScheduleRuns = {
  /**
   * Counts a run of this `kind` on the person's `day` (`YYYY-MM-DD`); false if `most` are already
   * counted. `tick` identifies the run: a repeated call for it counts once.
   */
  admit(
    conversation: string,
    day: string,
    kind: 'repeating' | 'once',
    tick: string,
    most: number,
  ): Promise<boolean>;
  /** Undefined until the person has been asked. */
  choice(conversation: string, number: number): Promise<ScheduleChoice | undefined>;
  /** How many runs of the schedule had their answers parked since the person last wrote. */
  parked(conversation: string, number: number): Promise<number>;
  /** Notes that the person was asked; keeps a choice that they have already made. */
  noteAsked(conversation: string, number: number): Promise<void>;
};

/** How long a day's runs are kept (seconds): the day is over in any time zone by then. */
const dayLifetime = 3 * 24 * 3600;

const admitScript = loadScript(new URL('lua/schedule-run.lua', import.meta.url), {
  keys: ['runs'],
  args: ['tick', 'most', 'lifetimeSeconds'],
});

export function createScheduleRuns(redis: Redis): ScheduleRuns {
  return {
    async admit(conversation, day, kind, tick, most) {
      const admitted = await runScript(redis, admitScript, {
        keys: { runs: keys.scheduleRuns(conversation, day, kind) },
        args: { tick, most, lifetimeSeconds: dayLifetime },
      });
      return admitted === 1;
    },
    async choice(conversation, number) {
      const choice = await redis.hget(keys.scheduleChoices(conversation), String(number));
      return choice === 'asked' || choice === 'kept' ? choice : undefined;
    },
    async parked(conversation, number) {
      const runs = keys.scheduleParked(conversation, number);
      const [since, fields, wroteAt] = await Promise.all([
        redis.hget(runs, 'since'),
        redis.hlen(runs),
        redis.hget(keys.conversation(conversation), 'wroteAt'),
      ]);
      return since === (wroteAt ?? '') ? fields - 1 : 0;
    },
    async noteAsked(conversation, number) {
      await redis.hsetnx(keys.scheduleChoices(conversation), String(number), 'asked');
    },
  };
}
