import { Job, Queue } from 'bullmq';
import { keys, prefix } from './keys.ts';
import type { Redis } from './redis.ts';
import type { Script } from './script.ts';

/** How long finished jobs are kept to be read on the dashboard (seconds); about 30 days and 1,000 jobs a queue. */
const kept = { age: 30 * 24 * 3600, count: 1000 };

/**
 * A queue of one job per conversation at a time. The job carries no message: it is the sign that the conversation has
 * something in its inbox (`turns`) or outbox (`deliveries`). `keepLastIfActive` makes BullMQ keep at most one running and
 * one next job per conversation, so two never run at once, with any number of workers.
 * Nothing may call BullMQ's own retry on such a job: it ignores this rule.
 */
export type ConversationQueue<Data extends { conversation: string }> = {
  name: string;
  queue: Queue<Data>;
  /** Adds the conversation's job unless one waits already. `id` names the job; it must never have been used before. */
  add(conversation: string, id?: string): Promise<string>;
  /**
   * Runs a script and adds the conversation's job in one atomic trip. Redis does not roll back: when the script took effect but
   * BullMQ's part did not, the job is added once more on its own. Returns the script's reply and the job's id. Throws when Redis is away or refuses.
   */
  runAndAdd(script: Script, args: (string | number)[], conversation: string, id?: string): Promise<{ reply: unknown; job: string }>;
  close(): Promise<void>;
};

export type QueueName = 'turns' | 'deliveries';

/** Makes the queue on a connection of the caller's, which stays the caller's to close. */
export function createConversationQueue<Data extends { conversation: string }>(name: QueueName, redis: Redis, fresh: (conversation: string) => Data): ConversationQueue<Data> {
  const queue: Queue<Data> = new Queue<Data>(name, {
    connection: redis,
    prefix,
    // BullMQ's event stream serves only those who watch; its default length would keep megabytes.
    streams: { events: { maxLen: 100 } },
    defaultJobOptions: { removeOnComplete: kept, removeOnFail: kept },
  });
  // BullMQ repeats the connection's errors here; the connection's own listener has logged them.
  queue.on('error', () => undefined);

  const createJob = (conversation: string, id: string | undefined): Job<Data> =>
    new Job(queue, name, fresh(conversation), { deduplication: { id: conversation, keepLastIfActive: true }, removeOnComplete: kept, removeOnFail: kept }, id);

  const add = async (conversation: string, id?: string): Promise<string> => {
    const client = await queue.getBackend().client;
    return await createJob(conversation, id).addJob(client);
  };

  return {
    name,
    queue,
    add,
    async runAndAdd(script, args, conversation, id) {
      // BullMQ's own client, since on a plain ioredis transaction the failure of `addJob` would go unseen.
      const multi = (await queue.getBackend().client).multi();
      // The text, not its digest: a Redis that has forgotten the script would run BullMQ's part alone, and the job might end before there is anything to do.
      multi.runCommand('eval', [script.lua, script.keys, ...args]);
      await createJob(conversation, id).addJob(multi);
      const replies = await multi.exec();
      if (!replies) throw new Error('Redis gave the transaction up');
      const [scriptReply, jobReply] = replies;
      if (!scriptReply) throw new Error('Redis gave no reply');
      if (scriptReply[0]) throw scriptReply[0];
      // BullMQ sends a digest; on its own ioredis follows it up with the text.
      const job = jobReply && !jobReply[0] ? String(jobReply[1]) : await add(conversation, id);
      return { reply: scriptReply[1], job };
    },
    close: () => queue.close(),
  };
}

/** The job that makes the worker answer a conversation. `messages` are the ones it was handed, oldest first. */
export type TurnData = {
  conversation: string;
  messages: { id: string; at: string; text: string; media: number }[];
  /** Failures so far that count towards giving up; crashes are counted by BullMQ. */
  failures: number;
};

/** What a finished turn says of itself. `durationMs` is Claude's working time, `costUsd` an estimate by Claude Code. */
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

export function createTurns(redis: Redis): Turns {
  return createConversationQueue<TurnData>('turns', redis, (conversation) => ({ conversation, messages: [], failures: 0 }));
}

export function createDeliveries(redis: Redis): Deliveries {
  return createConversationQueue<DeliveryData>('deliveries', redis, (conversation) => ({ conversation }));
}

/** The keys of a job that a script needs to see whether the caller still works it. */
export function jobKeys(queue: QueueName, id: string): { job: string; lock: string } {
  return { job: keys.job(queue, id), lock: keys.jobLock(queue, id) };
}
