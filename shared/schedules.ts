import { Queue } from 'bullmq';
import { z } from 'zod';
import { FencedError } from './inbox.ts';
import type { Fence } from './inbox.ts';
import { parseJson } from './json.ts';
import { keys, prefix } from './keys.ts';
import { PersonAddress } from './person-address.ts';
import type { QueueOptions } from './queues.ts';
import type { Redis } from './redis.ts';
import { keptJobs, setAsideSeconds, usualRetentionDays } from './retention.ts';
import { runScript } from './script.ts';
import type { Script } from './script.ts';

/**
 * A turn that begins by itself: once, `at` a time (ms since 1970), or again and again by `cron` (five fields, by the clocks of `timezone`, an IANA name).
 * `number` names it within its conversation and is never used again.
 */
export const Schedule = z.object({
  conversation: PersonAddress,
  number: z.number().int().positive(),
  prompt: z.string(),
  timezone: z.string(),
  cron: z.string().optional(),
  at: z.number().optional(),
});
export type Schedule = z.infer<typeof Schedule>;

/** A schedule and when it is due next (ms since 1970). */
export type PlannedSchedule = Schedule & { next: number };

/**
 * The schedules of all conversations. They are BullMQ's own: a job scheduler for each cron, a delayed job for each single time, so there is
 * no second list that could disagree. They fire only while a worker runs; the relay wakes the VM for them.
 */
export type Schedules = {
  queue: Queue<Schedule>;
  /** A conversation's schedules by their numbers. */
  list(conversation: string): Promise<PlannedSchedule[]>;
  /** Adds one and returns it with its number. Throws FencedError when another worker has the turn that asks. */
  add(schedule: Omit<Schedule, 'number'>, fence: Fence): Promise<Schedule>;
  /** Returns what was cancelled; undefined when there is no such schedule, or its only time has come already. */
  cancel(conversation: string, number: number): Promise<Schedule | undefined>;
  /** The person wants it as it is, however often it runs. Returns it; undefined when there is no such schedule. */
  keep(conversation: string, number: number): Promise<Schedule | undefined>;
  /** Takes a conversation's schedules out of the plan and keeps them for a week: those that are planned, and the one that is `due`. Returns how many are kept. */
  setAside(conversation: string, due?: Schedule): Promise<number>;
  /** Plans again what was set aside. Returns how many. */
  bringBack(conversation: string): Promise<number>;
  /** The conversations that have something planned. */
  conversations(): Promise<string[]>;
  close(): Promise<void>;
};

/** Counts the schedules that the conversation ever had. */
const numberScript: Script = {
  name: 'sidepocketScheduleNumber',
  keys: 2,
  // KEYS: lock, conversation. ARGV: token.
  lua: `
    if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'fenced' end
    return redis.call('HINCRBY', KEYS[2], 'schedules', 1)`,
};

/** BullMQ's name for a schedule. */
const idOf = ({ conversation, number }: Pick<Schedule, 'conversation' | 'number'>): string => `${conversation.replace('+', '')}-${number}`;

/** Makes the schedules on a connection of the caller's, which stays the caller's to close. */
export function createSchedules(redis: Redis, { retentionDays = usualRetentionDays, telemetry }: QueueOptions = {}): Schedules {
  const kept = keptJobs(retentionDays);
  // A tick takes one step in Redis; should that fail, BullMQ tries it again, which is harmless since each tick is claimed.
  const jobOptions = { removeOnComplete: kept, removeOnFail: kept, attempts: 10, backoff: { type: 'exponential', delay: 1000 } };
  const queue = new Queue<Schedule>('schedules', { connection: redis, prefix, streams: { events: { maxLen: 100 } }, defaultJobOptions: jobOptions, ...(telemetry ? { telemetry } : {}) });
  // BullMQ repeats the connection's errors here; the connection's own listener has logged them.
  queue.on('error', () => undefined);

  const listAll = async (): Promise<PlannedSchedule[]> => {
    const [repeated, delayed] = await Promise.all([queue.getJobSchedulers(0, -1, true), queue.getDelayed()]);
    const planned = [
      ...repeated.map(({ template, next }) => ({ ...template?.data, next })),
      ...delayed.filter((job) => job.repeatJobKey === undefined).map((job) => ({ ...job.data, next: job.data.at })),
    ];
    return planned.flatMap((entry) => Schedule.extend({ next: z.number() }).safeParse(entry).data ?? []);
  };
  const list = async (conversation: string): Promise<PlannedSchedule[]> =>
    (await listAll()).filter((schedule) => schedule.conversation === conversation).toSorted((a, b) => a.number - b.number);
  const plan = async (schedule: Schedule): Promise<void> => {
    const id = idOf(schedule);
    if (schedule.cron !== undefined) await queue.upsertJobScheduler(id, { pattern: schedule.cron, tz: schedule.timezone }, { name: 'schedule', data: schedule, opts: jobOptions });
    else await queue.add('schedule', schedule, { jobId: id, delay: Math.max((schedule.at ?? 0) - Date.now(), 0) });
  };
  const unplan = async (schedule: Schedule): Promise<boolean> =>
    schedule.cron === undefined ? (await queue.remove(idOf(schedule))) > 0 : await queue.removeJobScheduler(idOf(schedule));

  return {
    queue,
    list,
    async add(schedule, fence) {
      const number = await runScript(redis, numberScript, [fence.lock, keys.conversation(schedule.conversation), fence.token]);
      if (number === 'fenced') throw new FencedError('another worker has this turn');
      const whole: Schedule = { ...schedule, number: Number(number) };
      await plan(whole);
      return whole;
    },
    async cancel(conversation, number) {
      const schedule = (await list(conversation)).find((known) => known.number === number);
      if (!schedule) return undefined;
      const { next: _, ...known } = schedule;
      await redis.hdel(keys.scheduleChoices(conversation), String(number));
      return (await unplan(known)) ? known : undefined;
    },
    async keep(conversation, number) {
      const schedule = (await list(conversation)).find((known) => known.number === number);
      if (schedule) await redis.hset(keys.scheduleChoices(conversation), String(number), 'kept');
      return schedule;
    },
    async setAside(conversation, due) {
      const kept = (await list(conversation)).map((planned) => Schedule.parse(planned));
      if (due && !kept.some(({ number }) => number === due.number)) kept.push(due);
      if (kept.length === 0) return 0;
      // Kept before it is taken out: a death in between repeats both.
      const key = keys.setAsideSchedules(conversation);
      await redis.multi().hset(key, Object.fromEntries(kept.map((schedule) => [schedule.number, JSON.stringify(schedule)]))).expire(key, setAsideSeconds).exec();
      for (const schedule of kept) await unplan(schedule);
      return kept.length;
    },
    async bringBack(conversation) {
      const kept = Object.values(await redis.hgetall(keys.setAsideSchedules(conversation))).flatMap((entry) => Schedule.safeParse(parseJson(entry)).data ?? []);
      for (const schedule of kept) await plan(schedule);
      await redis.del(keys.setAsideSchedules(conversation));
      return kept.length;
    },
    async conversations() {
      return [...new Set((await listAll()).map(({ conversation }) => conversation))];
    },
    close: () => queue.close(),
  };
}

/** The id of the message that a schedule writes at one of its times: whoever writes it a second time is told that it is known. */
export function tickId(schedule: Schedule, due: number): string {
  return `schedule-${idOf(schedule)}-${due}`;
}
