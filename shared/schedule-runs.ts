import { keys } from './keys.ts';
import type { Redis } from './redis.ts';
import { runScript } from './script.ts';
import type { Script } from './script.ts';

/** What a person was asked about a schedule that runs more often than a new one may, and what they chose. */
export type ScheduleChoice = 'asked' | 'kept';

/** The runs of schedules as people's days count them, and what was settled about schedules that run too often. */
export type ScheduleRuns = {
  /**
   * Counts a run of this `kind` on the person's `day` (`YYYY-MM-DD`), unless `most` were counted already; false then. `tick` names the run: one that is worked twice counts once.
   */
  admit(conversation: string, day: string, kind: 'repeating' | 'once', tick: string, most: number): Promise<boolean>;
  /** Undefined while the person was not asked. */
  choice(conversation: string, number: number): Promise<ScheduleChoice | undefined>;
  /** How many runs of the schedule had their answers parked since the person has written last. */
  parked(conversation: string, number: number): Promise<number>;
  /** The person was asked; a choice that they have made stays. */
  noteAsked(conversation: string, number: number): Promise<void>;
};

/** How long a day's runs are kept (seconds): any time zone's day is over by then. */
const dayLifetime = 3 * 24 * 3600;

const admitScript: Script = {
  name: 'sidepocketScheduleRun',
  keys: 1,
  // KEYS: runs. ARGV: tick, most, lifetime.
  lua: `
    if redis.call('SISMEMBER', KEYS[1], ARGV[1]) == 1 then return 1 end
    if redis.call('SCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
    redis.call('SADD', KEYS[1], ARGV[1])
    redis.call('EXPIRE', KEYS[1], ARGV[3])
    return 1`,
};

export function createScheduleRuns(redis: Redis): ScheduleRuns {
  return {
    async admit(conversation, day, kind, tick, most) {
      return (await runScript(redis, admitScript, [keys.scheduleRuns(conversation, day, kind), tick, most, dayLifetime])) === 1;
    },
    async choice(conversation, number) {
      const choice = await redis.hget(keys.scheduleChoices(conversation), String(number));
      return choice === 'asked' || choice === 'kept' ? choice : undefined;
    },
    async parked(conversation, number) {
      const runs = keys.scheduleParked(conversation, number);
      const [since, fields, wroteAt] = await Promise.all([redis.hget(runs, 'since'), redis.hlen(runs), redis.hget(keys.conversation(conversation), 'wroteAt')]);
      return since === (wroteAt ?? '') ? fields - 1 : 0;
    },
    async noteAsked(conversation, number) {
      await redis.hsetnx(keys.scheduleChoices(conversation), String(number), 'asked');
    },
  };
}
