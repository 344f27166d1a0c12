import { Job, Queue, SpanKind } from 'bullmq';
import type { Telemetry } from 'bullmq';
import { keys, prefix } from './redis/keys.ts';
import type { Redis } from './redis/redis.ts';
import { keptJobs, usualRetentionDays } from './redis/retention.ts';
import type { ScriptCall } from './redis/script.ts';
import { callScript, callsToAdd, runTransaction } from './redis/transaction.ts';

/**
 * How long finished jobs are kept to be read on the dashboard (days), and who is told of each step,
 * if anybody.
 */
export type QueueOptions = { retentionDays?: number; telemetry?: Telemetry | undefined };

/**
 * A queue of one job per conversation at a time. The job carries no message: it is the sign that
 * the conversation has something in its inbox (`turns`) or outbox (`deliveries`).
 * `keepLastIfActive` makes BullMQ keep at most one running and one next job per conversation, so
 * two never run at once, with any number of workers. Nothing may call BullMQ's own retry on such a
 * job: it ignores this rule.
 */
export type ConversationQueue<Data extends { conversation: string }> = {
  name: string;
  queue: Queue<Data>;
  /**
   * Adds the conversation's job unless one waits already. `id` names the job; it must never have
   * been used before.
   */
  add(conversation: string, id?: string): Promise<string>;
  /**
   * Runs a script and adds the conversation's job in one atomic trip. Redis does not roll back:
   * where the script took effect and BullMQ's part did not, the job is added once more on its own.
   * Returns the script's reply and the job's id. Throws when Redis is away or refuses.
   */
  runAndAdd(step: Step, conversation: string): Promise<{ reply: unknown; job: string }>;
  /** Brings the conversation's job forward if it is put off. */
  promote(conversation: string): Promise<void>;
  close(): Promise<void>;
};

/** A script that goes with adding a job. */
export type Step = {
  call: ScriptCall;
  /** Names the job. */
  id?: string;
  /**
   * Whether the job is to be added after this reply of the script; a transaction cannot branch, so
   * a script that says no must also see to it. Else it always is.
   */
  wantsJob?: (reply: unknown) => boolean;
  /** Undoes, after the job was added or not, what the script did to keep it from being added. */
  after?: ScriptCall;
};

export type QueueName = 'turns' | 'deliveries' | 'schedules';

/** Makes the queue on a connection of the caller's, which stays the caller's to close. */
export function createConversationQueue<Data extends { conversation: string }>(
  name: QueueName,
  redis: Redis,
  fresh: (conversation: string) => Data,
  { retentionDays = usualRetentionDays, telemetry }: QueueOptions = {},
): ConversationQueue<Data> {
  const kept = keptJobs(retentionDays);
  const queue: Queue<Data> = new Queue<Data>(name, {
    connection: redis,
    prefix,
    // BullMQ's event stream serves only those who watch; its default length would keep megabytes.
    streams: { events: { maxLen: 100 } },
    defaultJobOptions: { removeOnComplete: kept, removeOnFail: kept },
    ...(telemetry ? { telemetry } : {}),
  });
  // BullMQ repeats the connection's errors here; the connection's own listener has logged them.
  queue.on('error', () => undefined);

  /**
   * Makes a job that carries the trace under way, as BullMQ's own `add` does, and hands it to
   * `add`.
   */
  const withJob = async <T>(
    conversation: string,
    id: string | undefined,
    add: (job: Job<Data>) => Promise<T>,
  ): Promise<T> =>
    // BullMQ looks at the number of parameters: without the second it hands out no trace.
    await queue.trace(SpanKind.PRODUCER, 'add', name, async (_span, metadata) => {
      const options = {
        deduplication: { id: conversation, keepLastIfActive: true },
        removeOnComplete: kept,
        removeOnFail: kept,
        ...(metadata ? { telemetry: { metadata } } : {}),
      };
      return await add(new Job(queue, name, fresh(conversation), options, id));
    });

  const add = async (conversation: string, id?: string): Promise<string> => {
    const client = await queue.getBackend().client;
    return await withJob(conversation, id, (job) => job.addJob(client));
  };

  return {
    name,
    queue,
    add,
    async runAndAdd({ call, id, wantsJob = () => true, after }, conversation) {
      const client = await queue.getBackend().client;
      const ending = after ? [callScript(after)] : [];
      const [scriptReply, jobReply, afterReply] = await withJob(conversation, id, async (job) =>
        runTransaction(redis, client, [callScript(call), ...(await callsToAdd(job)), ...ending]),
      );
      if (!scriptReply || !jobReply) throw new Error('Redis gave the transaction up');
      const failure = scriptReply[0] ?? afterReply?.[0];
      if (failure) throw failure;
      const reply = scriptReply[1];
      if (!jobReply[0]) return { reply, job: String(jobReply[1]) };
      return { reply, job: wantsJob(reply) ? await add(conversation, id) : '' };
    },
    async promote(conversation) {
      const id = await redis.get(keys.deduplication(name, conversation));
      const job = id === null ? undefined : await queue.getJob(id);
      if (await job?.isDelayed()) await job?.promote();
    },
    close: () => queue.close(),
  };
}

/**
 * A message as its turn's job tells of it. `attempts` counts the times that a worker began with it;
 * an attempt that was handed back is not one.
 */
export type TurnMessage = { id: string; at: string; text: string; media: number; attempts: number };

/**
 * The job that makes the worker answer a conversation. `messages` are the ones it was handed,
 * oldest first.
 */
export type TurnData = {
  conversation: string;
  messages: TurnMessage[];
  /** How often it was put off for a usage limit. */ waits?: number;
};

/**
 * What a finished turn says of itself. `durationMs` is Claude's working time, `costUsd` an estimate
 * by Claude Code.
 */
export type TurnResult = {
  messages: number;
  replies: number;
  durationMs: number;
  inputTokens: number;
  outputTokens: number;
  costUsd: number;
};

export type DeliveryData = { conversation: string };

export type Turns = ConversationQueue<TurnData>;
export type Deliveries = ConversationQueue<DeliveryData>;

export function createTurns(redis: Redis, options: QueueOptions = {}): Turns {
  return createConversationQueue<TurnData>(
    'turns',
    redis,
    (conversation) => ({ conversation, messages: [] }),
    options,
  );
}

export function createDeliveries(redis: Redis, options: QueueOptions = {}): Deliveries {
  return createConversationQueue<DeliveryData>(
    'deliveries',
    redis,
    (conversation) => ({ conversation }),
    options,
  );
}
