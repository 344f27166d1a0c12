import { createHash } from 'node:crypto';
import { Queue } from 'bullmq';
import type { JobsOptions } from 'bullmq';
import { z } from 'zod';
import { FencedError } from './boxes/inbox.ts';
import type { Fence } from './boxes/inbox.ts';
import { parseJson } from '../runtime/json.ts';
import { keys, prefix } from './redis/keys.ts';
import { callKey, onceLua } from './redis/once.ts';
import { PersonAddress } from '../runtime/person-address.ts';
import type { QueueOptions } from './queues.ts';
import type { Redis } from './redis/redis.ts';
import { keptJobs, setAsideSeconds, usualRetentionDays } from './redis/retention.ts';
import { defineScript, runScript } from './redis/script.ts';

/**
 * A turn that begins by itself: once, `at` a time (ms since 1970), or again and again by `cron`
 * (five fields, by the clocks of `timezone`, an IANA name). `number` names it within its
 * conversation and is never used again.
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

/** A schedule and when it is due next (ms since 1970); one that is paused is not due. */
export type PlannedSchedule = Schedule & { next: number; paused?: true };

/**
 * The schedules of all conversations. They are BullMQ's own: a job scheduler for each cron, a
 * delayed job for each single time, so there is no second list that could disagree. They fire only
 * while a worker runs; the relay wakes the VM for them.
 */
export type Schedules = {
  queue: Queue<Schedule>;
  /** A conversation's schedules by their numbers. */
  list(conversation: string): Promise<PlannedSchedule[]>;
  /**
   * Adds one and returns it with its number, or what the call has planned already. Throws
   * FencedError when another worker has the turn that asks.
   */
  add(schedule: Omit<Schedule, 'number'>, fence: Fence, call?: ScheduleCall): Promise<Schedule>;
  /**
   * Returns what was cancelled; undefined when there is no such schedule, or its only time has come
   * already.
   */
  cancel(conversation: string, number: number): Promise<Schedule | undefined>;
  /**
   * The person wants it as it is, however often it runs. Returns it; undefined when there is no
   * such schedule.
   */
  keep(conversation: string, number: number): Promise<Schedule | undefined>;
  /**
   * Takes a conversation's schedules out of the plan and keeps them for a week: those that are
   * planned, and the one that is `due`. Returns how many are kept.
   */
  setAside(conversation: string, due?: Schedule): Promise<number>;
  /** Plans again what was set aside. Returns how many. */
  bringBack(conversation: string): Promise<number>;
  /** The conversations that have something planned. */
  conversations(): Promise<string[]>;
  /** Ends the runs of a repeating schedule, which stays in the list. Safe to repeat. */
  pause(schedule: Schedule): Promise<void>;
  /**
   * Starts a paused schedule again. Returns it; undefined when there is no such schedule. One that
   * is not paused goes on.
   */
  resume(conversation: string, number: number): Promise<Schedule | undefined>;
  close(): Promise<void>;
};

/**
 * The call that asks for a schedule: its `id`, the `request` in a form that is the same when it is
 * asked again, the turn and which run of it this is. A turn that goes on after a crash makes
 * another call for what it does not know to be planned.
 */
export type ScheduleCall = { id: string; request: string; turn: string; run: number };

/** How long calls are remembered (s): a turn is over by then. */
const callLifetime = 8 * 24 * 3600;

/**
 * Counts the schedules that the conversation ever had. A call that is made again, and a request
 * that an earlier run of the turn has made, get the number that they had.
 */
const numberScript = defineScript({
  name: 'sidepocketScheduleNumber',
  keys: ['conversationKey', 'calls', 'call'],
  args: ['callId', 'request', 'thisRun', 'lifetimeSeconds'],
  fence: 'required',
  // `request` is its digest. Without a call, whose id is '' then, each gets a new number.
  lua: `${onceLua}
    if isFenced() then return 'fenced' end
    local function count() return redis.call('HINCRBY', conversationKey, 'schedules', 1) end
    if callId == '' then return once(call, count) end
    local called, asked = 'call:' .. callId, 'asked:' .. request
    local number = redis.call('HGET', calls, called)
    if number then return tonumber(number) end
    local run, earlier = string.match(redis.call('HGET', calls, asked) or '', '^(%d+) (%d+)$')
    number = run and run ~= thisRun and earlier or count()
    redis.call('HSET', calls, called, number, asked, thisRun .. ' ' .. number)
    redis.call('EXPIRE', calls, lifetimeSeconds)
    return tonumber(number)`,
});

/** BullMQ's name for a schedule. */
const idOf = ({ conversation, number }: Pick<Schedule, 'conversation' | 'number'>): string =>
  `${conversation.replace('+', '')}-${number}`;

/** A schedule of a removed person as it is stored. */
const SetAsideSchedule = Schedule.extend({ paused: z.literal(true).optional() });
type SetAsideSchedule = z.infer<typeof SetAsideSchedule>;

/** What is planned in BullMQ, and what is paused beside it. */
function createPlan(redis: Redis, queue: Queue<Schedule>, jobOptions: JobsOptions) {
  const listPaused = async (conversation: string): Promise<PlannedSchedule[]> => {
    const stored = Object.values(await redis.hgetall(keys.schedulesPaused(conversation)));
    return stored
      .flatMap((raw) => Schedule.safeParse(parseJson(raw)).data ?? [])
      .map((schedule) => ({ ...schedule, next: 0, paused: true }));
  };
  const listAll = async (): Promise<PlannedSchedule[]> => {
    const [repeated, delayed] = await Promise.all([
      queue.getJobSchedulers(0, -1, true),
      queue.getDelayed(),
    ]);
    const planned = [
      ...repeated.map(({ template, next }) => ({ ...template?.data, next })),
      ...delayed
        .filter((job) => job.repeatJobKey === undefined)
        .map((job) => ({ ...job.data, next: job.data.at })),
    ];
    return planned.flatMap(
      (entry) => Schedule.extend({ next: z.number() }).safeParse(entry).data ?? [],
    );
  };
  const list = async (conversation: string): Promise<PlannedSchedule[]> => {
    const [planned, paused] = await Promise.all([listAll(), listPaused(conversation)]);
    return planned
      .filter(
        (schedule) =>
          schedule.conversation === conversation &&
          !paused.some(({ number }) => number === schedule.number),
      )
      .concat(paused)
      .toSorted((a, b) => a.number - b.number);
  };
  const plan = async (schedule: Schedule): Promise<void> => {
    const id = idOf(schedule);
    if (schedule.cron !== undefined)
      await queue.upsertJobScheduler(
        id,
        { pattern: schedule.cron, tz: schedule.timezone },
        { name: 'schedule', data: schedule, opts: jobOptions },
      );
    else
      await queue.add('schedule', schedule, {
        jobId: id,
        delay: Math.max((schedule.at ?? 0) - Date.now(), 0),
      });
  };
  const unplan = async (schedule: Schedule): Promise<boolean> => {
    const ended = await redis.hdel(
      keys.schedulesPaused(schedule.conversation),
      String(schedule.number),
    );
    const removed =
      schedule.cron === undefined
        ? (await queue.remove(idOf(schedule))) > 0
        : await queue.removeJobScheduler(idOf(schedule));
    return removed || ended > 0;
  };
  const notePaused = async (schedule: Schedule): Promise<void> => {
    await redis.hset(
      keys.schedulesPaused(schedule.conversation),
      String(schedule.number),
      JSON.stringify(schedule),
    );
  };
  return { list, listAll, plan, unplan, notePaused };
}

/** Makes the schedules on a connection of the caller's, which stays the caller's to close. */
export function createSchedules(
  redis: Redis,
  { retentionDays = usualRetentionDays, telemetry }: QueueOptions = {},
): Schedules {
  const kept = keptJobs(retentionDays);
  // A tick takes one step in Redis; should that fail, BullMQ tries it again, which is harmless
  // since each tick is claimed.
  const jobOptions = {
    removeOnComplete: kept,
    removeOnFail: kept,
    attempts: 10,
    backoff: { type: 'exponential', delay: 1000 },
  };
  const queue = new Queue<Schedule>('schedules', {
    connection: redis,
    prefix,
    streams: { events: { maxLen: 100 } },
    defaultJobOptions: jobOptions,
    ...(telemetry ? { telemetry } : {}),
  });
  // BullMQ repeats the connection's errors here; the connection's own listener has logged them.
  queue.on('error', () => undefined);

  const { list, listAll, plan, unplan, notePaused } = createPlan(redis, queue, jobOptions);

  return {
    queue,
    list,
    async add(schedule, fence, call) {
      const number = await runScript(redis, numberScript, {
        fence,
        keys: {
          conversationKey: keys.conversation(schedule.conversation),
          calls: keys.scheduleCalls(call?.turn ?? ''),
          call: callKey(),
        },
        args: {
          callId: call?.id ?? '',
          request: call ? createHash('sha256').update(call.request).digest('hex') : '',
          thisRun: call?.run ?? '',
          lifetimeSeconds: callLifetime,
        },
      });
      if (number === 'fenced') throw new FencedError('another worker has this turn');
      const whole: Schedule = { ...schedule, number: Number(number) };
      await plan(whole);
      if (whole.cron !== undefined) return whole;
      // One of the same number that was there stays as it is, with the time it has.
      const { data } = Schedule.safeParse((await queue.getJob(idOf(whole)))?.data);
      return data ?? whole;
    },
    async cancel(conversation, number) {
      const schedule = (await list(conversation)).find((known) => known.number === number);
      if (!schedule) return undefined;
      const { next: _, paused: __, ...known } = schedule;
      await redis.hdel(keys.scheduleChoices(conversation), String(number));
      return (await unplan(known)) ? known : undefined;
    },
    async keep(conversation, number) {
      const schedule = (await list(conversation)).find((known) => known.number === number);
      if (schedule) await redis.hset(keys.scheduleChoices(conversation), String(number), 'kept');
      return schedule;
    },
    async setAside(conversation, due) {
      const kept: SetAsideSchedule[] = (await list(conversation)).map((planned) =>
        SetAsideSchedule.parse(planned),
      );
      if (due && !kept.some(({ number }) => number === due.number)) kept.push(due);
      if (kept.length === 0) return 0;
      // Kept before it is taken out: a death in between repeats both.
      const key = keys.setAsideSchedules(conversation);
      await redis
        .multi()
        .hset(
          key,
          Object.fromEntries(kept.map((schedule) => [schedule.number, JSON.stringify(schedule)])),
        )
        .expire(key, setAsideSeconds)
        .exec();
      for (const schedule of kept) await unplan(schedule);
      return kept.length;
    },
    async bringBack(conversation) {
      const kept = Object.values(await redis.hgetall(keys.setAsideSchedules(conversation))).flatMap(
        (entry) => SetAsideSchedule.safeParse(parseJson(entry)).data ?? [],
      );
      for (const { paused, ...schedule } of kept) {
        // What was paused stays paused: its answers waited for the person to write, and they may
        // still.
        if (paused) await notePaused(schedule);
        else await plan(schedule);
      }
      await redis.del(keys.setAsideSchedules(conversation));
      return kept.length;
    },
    async conversations() {
      return [...new Set((await listAll()).map(({ conversation }) => conversation))];
    },
    async pause(schedule) {
      // Noted first: between the two it is in both places, and counts as paused.
      await notePaused(schedule);
      await queue.removeJobScheduler(idOf(schedule));
    },
    async resume(conversation, number) {
      const schedule = (await list(conversation)).find((known) => known.number === number);
      if (!schedule?.paused || schedule.cron === undefined) return schedule;
      const { next: _, paused: __, ...known } = schedule;
      await redis.del(keys.scheduleParked(conversation, number));
      await plan(known);
      await redis.hdel(keys.schedulesPaused(conversation), String(number));
      return known;
    },
    close: () => queue.close(),
  };
}

/**
 * The id of the message that a schedule writes at one of its times: whoever writes it a second time
 * is told that it is known.
 */
export function tickId(schedule: Schedule, due: number): string {
  return `schedule-${idOf(schedule)}-${due}`;
}
