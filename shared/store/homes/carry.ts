import { setTimeout as sleep } from 'node:timers/promises';
import type { Job, Queue } from 'bullmq';
import type { Queues } from '../all-queues.ts';
import type { ConversationQueue } from '../queues.ts';
import { keys } from '../redis/keys.ts';
import type { HomeSuffix } from '../redis/keys.ts';
import type { Redis } from '../redis/redis.ts';
import type { Schedule } from '../schedules.ts';

export type CarryDeps = {
  redis: Redis;
  queues: Pick<Queues, 'turns' | 'deliveries' | 'schedules'>;
};

/** How often, and for how long in all, a job that a worker has for a moment is looked at again (ms). */
const [lookMs, patienceMs] = [50, 3000];

/**
 * Takes the jobs of a person's conversations from the queues of their old home to those of the new
 * one: turns under their names, since questions, files and replies are named after them, and what
 * is planned at its times. A turn without messages makes the new home prepare itself. Safe to
 * repeat, also by both homes at once: a job under its name is there only once, and a job left
 * behind does nothing.
 */
export async function carryJobs(
  { redis, queues: { turns, deliveries, schedules } }: CarryDeps,
  conversations: string[],
  from: HomeSuffix,
  to: HomeSuffix,
): Promise<void> {
  for (const conversation of conversations) {
    await carryTurn(redis, turns, conversation, from, to);
    if ((await redis.llen(keys.outbox(conversation))) > 0) await deliveries.add(conversation);
    await removeJob(redis, deliveries.queueOf(from), conversation);
  }
  await carrySchedules(schedules.queueOf(from), schedules.queueOf(to), new Set(conversations));
}

async function carryTurn<Data extends { conversation: string }>(
  redis: Redis,
  turns: ConversationQueue<Data>,
  conversation: string,
  from: HomeSuffix,
  to: HomeSuffix,
): Promise<void> {
  const old = await jobOf(redis, turns.queueOf(from), conversation);
  const id = old?.id;
  const target = turns.queueOf(to);
  if (!old || id === undefined || (await target.getJob(id))) await turns.add(conversation);
  else {
    // A turn that was made meanwhile has no work of its own yet: this one has.
    await removeJob(redis, target, conversation, id);
    await turns.add(conversation, id, await delayOf(redis, turns.queueOf(from).name, id));
  }
  await removeJob(redis, turns.queueOf(from), conversation);
}

/** How long a delayed job has still to wait (ms); 0 for another one. */
async function delayOf(redis: Redis, queue: string, id: string): Promise<number> {
  // BullMQ's score of a delayed job: its moment in its upper bits.
  const score = await redis.zscore(keys.delayed(queue), id);
  return score === null ? 0 : Math.max(Math.floor(Number(score) / 0x1000) - Date.now(), 0);
}

async function jobOf<Data>(
  redis: Redis,
  queue: Queue<Data>,
  conversation: string,
): Promise<Job<Data> | undefined> {
  const id = await redis.get(keys.deduplication(queue.name, conversation));
  const job = id === null ? undefined : await queue.getJob(id);
  return job as Job<Data> | undefined;
}

/**
 * Removes the conversation's job, unless it is the one `except`, which the other home may just have
 * put, or a worker keeps it: that one ends by itself.
 */
async function removeJob<Data>(
  redis: Redis,
  queue: Queue<Data>,
  conversation: string,
  except?: string,
): Promise<void> {
  for (const deadline = Date.now() + patienceMs; Date.now() < deadline; await sleep(lookMs)) {
    const job = await jobOf(redis, queue, conversation);
    if (!job || job.id === except) return;
    const isRemoved = await job.remove().then(
      () => true,
      () => false,
    );
    if (isRemoved) return;
  }
}

async function carrySchedules(
  from: Queue<Schedule>,
  to: Queue<Schedule>,
  conversations: ReadonlySet<string>,
): Promise<void> {
  const isTheirs = (data: { conversation?: string } | undefined): boolean =>
    conversations.has(data?.conversation ?? '');
  for (const { key, pattern, tz, template } of await from.getJobSchedulers(0, -1, true)) {
    const { data, opts } = template ?? {};
    if (!data || pattern === undefined || !isTheirs(data)) continue;
    await to.upsertJobScheduler(
      key,
      { pattern, ...(tz === undefined ? {} : { tz }) },
      { name: 'schedule', data, ...(opts ? { opts } : {}) },
    );
    await from.removeJobScheduler(key);
  }
  for (const job of await from.getDelayed()) {
    if (job.repeatJobKey !== undefined || job.id === undefined || !isTheirs(job.data)) continue;
    const delay = Math.max((job.data.at ?? 0) - Date.now(), 0);
    await to.add('schedule', job.data, { jobId: job.id, delay });
    await job.remove().catch(() => undefined);
  }
}
