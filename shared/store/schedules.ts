import { createHash } from 'node:crypto';
import { Queue } from 'bullmq';
import type { JobsOptions, RepeatStrategy } from 'bullmq';
import { z } from 'zod';
import { FencedError } from './boxes/inbox.ts';
import type { Fence } from './boxes/inbox.ts';
import { isCron, nextRun, nextRunOrDay, runsBetween } from '../runtime/cron.ts';
import { parseJson } from '../runtime/json.ts';
import { homeOfQueue, suffixOf } from './homes/routes.ts';
import { keys, prefix } from './redis/keys.ts';
import type { HomeSuffix } from './redis/keys.ts';
import { callKey } from './redis/idempotent.ts';
import { createPeopleStore } from './people.ts';
import { PersonAddress } from '../runtime/person-address.ts';
import { isTimeZone } from '../runtime/time-zone.ts';
import type { QueueOptions } from './queues.ts';
import type { Redis } from './redis/redis.ts';
import { keptJobs, setAsideSeconds, usualRetentionDays } from './redis/retention.ts';
import { readMended } from './mend-jobs.ts';
import { runScript } from './redis/script.ts';
import { loadScript } from './redis/script-file.ts';

/**
 * A turn that starts by itself: once, `at` a time (ms since 1970), or repeatedly by `cron` (five
 * fields, in the zone `timezone`, an IANA name). `number` identifies it within its conversation and
 * is never reused.
 */
export const Schedule = z.object({
  conversation: PersonAddress,
  number: z.number().int().positive(),
  prompt: z.string(),
  timezone: z.string().refine(isTimeZone),
  cron: z.string().refine(isCron).optional(),
  at: z.number().int().optional(),
});
export type Schedule = z.infer<typeof Schedule>;

/** A schedule and when it is next due (ms since 1970); a paused schedule is not due. */
export type PlannedSchedule = Schedule & { next: number; paused?: true };

/**
 * The schedules of all conversations, stored only in BullMQ: a job scheduler for each cron, a
 * delayed job for each single time, so no second list can disagree. Each home has a queue of its
 * own. They fire only while a worker of the home runs; the relay wakes the VM for them.
 */
export type Schedules = {
  /** The queue of this process's home. */
  queue: Queue<Schedule>;
  queueOf(home: HomeSuffix): Queue<Schedule>;
  /** A conversation's schedules by their numbers. */
  list(conversation: string): Promise<PlannedSchedule[]>;
  /** The schedules of all conversations of a conversation's person. */
  listPerson(conversation: string): Promise<PlannedSchedule[]>;
  /**
   * Adds a schedule and returns it with its number. A repeated call returns what the first one
   * added. Throws FencedError when another worker holds the calling turn.
   */
  add(schedule: Omit<Schedule, 'number'>, fence: Fence, call?: ScheduleCall): Promise<Schedule>;
  /**
   * Returns the cancelled schedule; undefined if it does not exist, or its only time has passed.
   */
  cancel(conversation: string, number: number): Promise<Schedule | undefined>;
  /**
   * Records that the person keeps it as it is, however often it runs. Returns it; undefined if it
   * does not exist.
   */
  keep(conversation: string, number: number): Promise<Schedule | undefined>;
  /**
   * Removes a conversation's schedules from the plan and keeps them for a week: the planned ones,
   * and the run that is `due`. Returns how many it keeps.
   */
  setAside(conversation: string, due?: Schedule): Promise<number>;
  /** Restores the set-aside schedules; leaves those that cannot be read. Returns how many. */
  requeue(conversation: string): Promise<number>;
  /** The conversations with planned schedules in these homes. */
  conversations(homes: readonly HomeSuffix[]): Promise<string[]>;
  /** Stops a repeating schedule, which stays in the list. Safe to repeat. */
  pause(schedule: Schedule): Promise<void>;
  /**
   * Resumes a paused schedule and returns it; undefined if it does not exist. Leaves an unpaused
   * schedule running.
   */
  resume(conversation: string, number: number): Promise<Schedule | undefined>;
  /**
   * In this home, plans again what is planned later than its next run after `now` (ms since 1970),
   * since a clock was ahead. What ran then, over an hour early, runs again. Returns the number of
   * these schedules.
   */
  planAgain(now: number): Promise<number>;
  close(): Promise<void>;
};

/**
 * The call that asks for a schedule: its `id`, the `request` in a form that is stable across
 * repetitions, the turn and the number of its run. A turn that resumes after a crash makes another
 * call for a schedule that it does not know it has planned.
 */
export type ScheduleCall = { id: string; request: string; turn: string; run: number };

/** How long calls are kept (s): a turn is over by then. */
const callLifetime = 8 * 24 * 3600;

const numberScript = loadScript(new URL('lua/schedule-number.lua', import.meta.url), {
  keys: ['conversationKey', 'calls', 'call'],
  args: ['callId', 'request', 'thisRun', 'lifetimeSeconds'],
  fence: 'required',
});

/** A schedule's id in BullMQ. */
const idOf = ({ conversation, number }: Pick<Schedule, 'conversation' | 'number'>): string =>
  `${conversation.replace('+', '')}-${number}`;

/** A set-aside schedule as stored. */
const SetAsideSchedule = Schedule.extend({ paused: z.literal(true).optional() });
type SetAsideSchedule = z.infer<typeof SetAsideSchedule>;

/**
 * When BullMQ is to run a schedule next; the queue and its worker need the same. BullMQ takes a due
 * job up before it asks, and never runs it when this throws.
 */
export const repeatStrategy: RepeatStrategy = (after, { pattern = '', tz = 'UTC' }) =>
  nextRunOrDay(pattern, tz, after);

/** Whether a repeating schedule is planned later than its next run after `now`. */
function isLate({ cron, timezone, next }: PlannedSchedule, now: number): boolean {
  return cron !== undefined && next > (nextRun(cron, timezone, now) ?? Infinity);
}

/** A run that came earlier than this by a clock that was ahead (ms) does not count as that of its time. */
const earlyMs = 3600_000;

/** The planned schedules in BullMQ, and the paused ones stored beside them. */
function createPlan(
  redis: Redis,
  queueOf: (home: HomeSuffix) => Queue<Schedule>,
  jobOptions: JobsOptions,
  onPlanned: (queue: Queue<Schedule>) => void,
) {
  const queueFor = async (conversation: string): Promise<Queue<Schedule>> =>
    queueOf(suffixOf((await redis.hget(keys.conversation(conversation), 'home')) ?? ''));
  const listPaused = async (conversation: string): Promise<PlannedSchedule[]> => {
    const stored = Object.values(await redis.hgetall(keys.schedulesPaused(conversation)));
    return stored
      .flatMap((raw) => Schedule.safeParse(parseJson(raw)).data ?? [])
      .map((schedule) => ({ ...schedule, next: 0, paused: true }));
  };
  const listIn = async (queue: Queue<Schedule>): Promise<PlannedSchedule[]> => {
    const [repeated, delayed] = await readMended(redis, queue.name, () =>
      Promise.all([queue.getJobSchedulers(0, -1, true), queue.getDelayed()]),
    );
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
    const [planned, paused] = await Promise.all([
      listIn(await queueFor(conversation)),
      listPaused(conversation),
    ]);
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
    const queue = await queueFor(schedule.conversation);
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
    onPlanned(queue);
  };
  const unplan = async (schedule: Schedule): Promise<boolean> => {
    const ended = await redis.hdel(
      keys.schedulesPaused(schedule.conversation),
      String(schedule.number),
    );
    const queue = await queueFor(schedule.conversation);
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
  return { list, listIn, queueFor, plan, unplan, notePaused };
}

/** Creates the schedules on the caller's connection, which the caller closes. */
export function createSchedules(
  redis: Redis,
  { retentionDays = usualRetentionDays, telemetry, home: own = '', onForeign }: QueueOptions = {},
): Schedules {
  const kept = keptJobs(retentionDays);
  // A tick takes one step in Redis; if it fails, BullMQ retries it, which is harmless since each
  // tick is claimed.
  const jobOptions = {
    removeOnComplete: kept,
    removeOnFail: kept,
    attempts: 10,
    backoff: { type: 'exponential', delay: 1000 },
  };
  const queues = new Map<HomeSuffix, Queue<Schedule>>();
  const queueOf = (home: HomeSuffix): Queue<Schedule> => {
    const known = queues.get(home);
    if (known) return known;
    const queue = new Queue<Schedule>(`schedules${home}`, {
      connection: redis,
      prefix,
      streams: { events: { maxLen: 100 } },
      defaultJobOptions: jobOptions,
      settings: { repeatStrategy },
      skipMetasUpdate: home !== own,
      ...(telemetry ? { telemetry } : {}),
    });
    // BullMQ re-emits the connection's errors here; the connection's own listener has logged them.
    queue.on('error', () => undefined);
    queues.set(home, queue);
    return queue;
  };
  const queue = queueOf(own);

  const people = createPeopleStore(redis);
  const planning = createPlan(redis, queueOf, jobOptions, ({ name }) => {
    const home = homeOfQueue('schedules', name);
    if (home !== own) onForeign?.(home);
  });
  const { list, listIn, queueFor, plan, unplan, notePaused } = planning;

  return {
    queue,
    queueOf,
    list,
    async listPerson(conversation) {
      const { conversations } = await people.of(conversation);
      return (await Promise.all(conversations.map(list))).flat();
    },
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
      // An existing schedule with this number stays unchanged, including its time.
      const planned = await (await queueFor(whole.conversation)).getJob(idOf(whole));
      const { data } = Schedule.safeParse(planned?.data);
      return data ?? whole;
    },
    async planAgain(now) {
      const late = (await listIn(queue)).filter((schedule) => isLate(schedule, now));
      let count = 0;
      for (const { next, paused: _, ...schedule } of late) {
        // Cancelled, paused or run since: it must not come back.
        if ((await queue.getJobScheduler(idOf(schedule)))?.next !== next) continue;
        await plan(schedule);
        for (const due of runsBetween(schedule.cron ?? '', schedule.timezone, now + earlyMs, next))
          await redis.del(keys.message(tickId(schedule, due)));
        count += 1;
      }
      return count;
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
      // Stored before it is removed: after a crash in between, both steps are repeated.
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
    async requeue(conversation) {
      const kept = Object.values(await redis.hgetall(keys.setAsideSchedules(conversation))).flatMap(
        (entry) => SetAsideSchedule.safeParse(parseJson(entry)).data ?? [],
      );
      const key = keys.setAsideSchedules(conversation);
      for (const { paused, ...schedule } of kept) {
        // A paused schedule stays paused: its answers were waiting for the person to write, and may
        // still be.
        if (paused) await notePaused(schedule);
        else await plan(schedule);
        await redis.hdel(key, String(schedule.number));
      }
      return kept.length;
    },
    async conversations(homes) {
      const planned = await Promise.all(homes.map((home) => listIn(queueOf(home))));
      return [...new Set(planned.flat().map(({ conversation }) => conversation))];
    },
    async pause(schedule) {
      // Stored first: between the two steps it is in both places and counts as paused.
      await notePaused(schedule);
      await (await queueFor(schedule.conversation)).removeJobScheduler(idOf(schedule));
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
    close: async () =>
      void (await Promise.all([...queues.values()].map((opened) => opened.close()))),
  };
}

/** The id of the message for a schedule's tick: writing it a second time makes it a duplicate. */
export function tickId(schedule: Schedule, due: number): string {
  return `schedule-${idOf(schedule)}-${due}`;
}
