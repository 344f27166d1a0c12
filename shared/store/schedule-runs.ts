import { keys } from './redis/keys.ts';
import type { Redis } from './redis/redis.ts';
import { defineScript, runScript } from './redis/script.ts';

/**
 * What a person was asked about a schedule that runs more often than a new one may, and what they
 * chose.
 */
export type ScheduleChoice = 'asked' | 'kept';

/**
 * The runs of schedules as people's days count them, and what was settled about schedules that run
 * too often.
 */
export type ScheduleRuns = {
  /**
   * Counts a run of this `kind` on the person's `day` (`YYYY-MM-DD`), unless `most` were counted
   * already; false then. `tick` names the run: one that is worked twice counts once.
   */
  admit(
    conversation: string,
    day: string,
    kind: 'repeating' | 'once',
    tick: string,
    most: number,
  ): Promise<boolean>;
  /** Undefined while the person was not asked. */
  choice(conversation: string, number: number): Promise<ScheduleChoice | undefined>;
  /** How many runs of the schedule had their answers parked since the person has written last. */
  parked(conversation: string, number: number): Promise<number>;
  /** The person was asked; a choice that they have made stays. */
  noteAsked(conversation: string, number: number): Promise<void>;
};

/** How long a day's runs are kept (seconds): any time zone's day is over by then. */
const dayLifetime = 3 * 24 * 3600;

const admitScript = defineScript({
  name: 'sidepocketScheduleRun',
  keys: ['runs'],
  args: ['tick', 'most', 'lifetimeSeconds'],
  lua: `
    if redis.call('SISMEMBER', runs, tick) == 1 then return 1 end
    if redis.call('SCARD', runs) >= tonumber(most) then return 0 end
    redis.call('SADD', runs, tick)
    redis.call('EXPIRE', runs, lifetimeSeconds)
    return 1`,
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
