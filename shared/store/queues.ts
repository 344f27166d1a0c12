import { Job, Queue, SpanKind } from 'bullmq';
import type { Telemetry } from 'bullmq';
import { z } from 'zod';
import { PersonAddress } from '../runtime/person-address.ts';
import { createRoutes, homeNamedBy, suffixOf } from './homes/routes.ts';
import type { Routes } from './homes/routes.ts';
import { keys, prefix } from './redis/keys.ts';
import type { HomeSuffix } from './redis/keys.ts';
import type { Redis } from './redis/redis.ts';
import { keptJobs, usualRetentionDays } from './redis/retention.ts';
import { isUnreadableJob, mendPlaces } from './mend-jobs.ts';
import { untilKnown } from './redis/script.ts';
import type { ScriptCall } from './redis/script.ts';
import { callScript, callsToAdd, runTransaction } from './redis/transaction.ts';

/**
 * How long finished jobs are kept for the dashboard (days), the optional telemetry for each step,
 * the home of this process (the first by default), and what it knows of other homes' conversations.
 */
export type QueueOptions = {
  retentionDays?: number;
  telemetry?: Telemetry | undefined;
  home?: HomeSuffix;
  routes?: Routes;
  /** Called when another home has got a job: its VM may be asleep. */
  onForeign?: ((home: HomeSuffix) => void) | undefined;
};

/**
 * A queue of one job per conversation at a time. The job carries no message: it signals that the
 * conversation has entries in its inbox (`turns`) or outbox (`deliveries`). `keepLastIfActive`
 * makes BullMQ keep at most one running and one next job per conversation, so two never run at
 * once, with any number of workers. Never call BullMQ's own retry on such a job: it ignores this
 * rule. Each home has a queue of its own; a conversation's jobs are in its home's.
 */
export type ConversationQueue<Data extends { conversation: string }> = {
  /** The queue of this process's home, and its name. */
  name: string;
  queue: Queue<Data>;
  /** The queue of a home. */
  queueOf(home: HomeSuffix): Queue<Data>;
  /** The home of a conversation. */
  homeOf(conversation: string): Promise<HomeSuffix>;
  /**
   * Adds the conversation's job unless one is already waiting. `id` names the job; it must be new.
   * It runs in `delayMs`, at once by default.
   */
  add(conversation: string, id?: string, delayMs?: number): Promise<string>;
  /**
   * Runs a script and adds the conversation's job in one atomic trip; in two when this process took
   * the conversation for another home's, which the script says. Redis does not roll back: if the
   * script took effect and BullMQ's part did not, the job is added once more on its own. Returns
   * the script's reply and the job's id. Throws when Redis is away or refuses.
   */
  runAndAdd(step: Step, conversation: string): Promise<{ reply: unknown; job: string }>;
  /** Makes the conversation's delayed job run now. */
  promote(conversation: string): Promise<void>;
  close(): Promise<void>;
};

/** A script that runs together with adding a job to a home's queue. */
export type Step = {
  /**
   * The script for the queue of this name. A script that finds the conversation in another home
   * prevents the job, does nothing else and returns `home SUFFIX`.
   */
  call: (queue: string, home: HomeSuffix) => ScriptCall;
  /** Names the job. */
  id?: string;
  /**
   * Whether this reply of the script calls for the job; a transaction cannot branch, so a script
   * that returns no must also prevent the job. By default the job is always added.
   */
  wantsJob?: (reply: unknown) => boolean;
  /** Undoes, in either case, what the script did to prevent the job. */
  after?: (queue: string) => ScriptCall;
};

/**
 * How often a step follows the home that the script names: once, unless the home changes meanwhile.
 */
const mostTrips = 4;

export type QueueName = 'turns' | 'deliveries' | 'schedules';

/** Creates the queue on the caller's connection, which the caller closes. */
function createConversationQueue<Data extends { conversation: string }>(
  name: QueueName,
  redis: Redis,
  fresh: (conversation: string) => Data,
  {
    retentionDays = usualRetentionDays,
    telemetry,
    home: own = '',
    routes = createRoutes(own),
    onForeign,
  }: QueueOptions = {},
): ConversationQueue<Data> {
  const noteForeign = (home: HomeSuffix): void => {
    if (home !== own) onForeign?.(home);
  };
  const kept = keptJobs(retentionDays);
  const queues = new Map<HomeSuffix, Queue<Data>>();
  const queueOf = (home: HomeSuffix): Queue<Data> => {
    const known = queues.get(home);
    if (known) return known;
    const queue: Queue<Data> = new Queue<Data>(`${name}${home}`, {
      connection: redis,
      prefix,
      // BullMQ's event stream is only for observers; its default length would keep megabytes.
      streams: { events: { maxLen: 100 } },
      defaultJobOptions: { removeOnComplete: kept, removeOnFail: kept },
      // The home's own processes write what BullMQ says of the queue.
      skipMetasUpdate: home !== own,
      ...(telemetry ? { telemetry } : {}),
    });
    // BullMQ re-emits the connection's errors here; the connection's own listener has logged them.
    queue.on('error', () => undefined);
    queues.set(home, queue);
    return queue;
  };
  const ownQueue = queueOf(own);

  /** Creates a job with the current trace, as BullMQ's own `add` does, and passes it to `add`. */
  const withJob = async <T>(
    queue: Queue<Data>,
    conversation: string,
    id: string | undefined,
    add: (job: Job<Data>) => Promise<T>,
    delay = 0,
  ): Promise<T> =>
    // BullMQ checks the number of parameters: without the second it provides no trace.
    await queue.trace(SpanKind.PRODUCER, 'add', name, async (_span, metadata) => {
      const options = {
        deduplication: { id: conversation, keepLastIfActive: true },
        removeOnComplete: kept,
        removeOnFail: kept,
        ...(delay > 0 ? { delay } : {}),
        ...(metadata ? { telemetry: { metadata } } : {}),
      };
      return await add(new Job(queue, name, fresh(conversation), options, id));
    });

  /** The home that Redis knows of a conversation. */
  const homeOf = async (conversation: string): Promise<HomeSuffix> => {
    const home = suffixOf((await redis.hget(keys.conversation(conversation), 'home')) ?? '');
    routes.note(conversation, home);
    return home;
  };
  const addTo = async (
    queue: Queue<Data>,
    conversation: string,
    id?: string,
    delay?: number,
  ): Promise<string> => {
    const client = await queue.getBackend().client;
    const add = (job: Job<Data>): Promise<string> => untilKnown(() => job.addJob(client));
    const addOnce = (): Promise<string> => withJob(queue, conversation, id, add, delay);
    try {
      return await addOnce();
    } catch (error) {
      if (!isUnreadableJob(error)) throw error;
      await mendPlaces(redis, queue.name);
      return await addOnce();
    }
  };
  const attempt = async (
    home: HomeSuffix,
    { call, id, wantsJob = () => true, after }: Step,
    conversation: string,
  ): Promise<{ reply: unknown; job: string }> => {
    const queue = queueOf(home);
    const client = await queue.getBackend().client;
    const ending = after ? [callScript(after(queue.name))] : [];
    const [scriptReply, jobReply, afterReply] = await withJob(
      queue,
      conversation,
      id,
      async (job) =>
        runTransaction(redis, client, [
          callScript(call(queue.name, home)),
          ...(await callsToAdd(job)),
          ...ending,
        ]),
    );
    if (!scriptReply || !jobReply) throw new Error('Redis aborted the transaction');
    const failure = scriptReply[0] ?? afterReply?.[0];
    if (failure) throw failure;
    const reply = scriptReply[1];
    if (!jobReply[0]) return { reply, job: String(jobReply[1]) };
    if (isUnreadableJob(jobReply[0])) await mendPlaces(redis, queue.name);
    const isWanted = wantsJob(reply) && homeNamedBy(reply) === undefined;
    return { reply, job: isWanted ? await addTo(queue, conversation, id) : '' };
  };

  return {
    name: ownQueue.name,
    queue: ownQueue,
    queueOf,
    homeOf,
    async add(conversation, id, delayMs) {
      const home = await homeOf(conversation);
      const job = await addTo(queueOf(home), conversation, id, delayMs);
      noteForeign(home);
      return job;
    },
    async runAndAdd(step, conversation) {
      for (let trip = 1; trip <= mostTrips; trip += 1) {
        const guessed = routes.guess(conversation);
        const done = await attempt(guessed, step, conversation);
        const home = homeNamedBy(done.reply);
        if (home === undefined) {
          noteForeign(guessed);
          return done;
        }
        routes.note(conversation, home);
      }
      throw new Error('the home of the conversation keeps changing');
    },
    async promote(conversation) {
      const queue = queueOf(await homeOf(conversation));
      const id = await redis.get(keys.deduplication(queue.name, conversation));
      const job = id === null ? undefined : await queue.getJob(id);
      if (await job?.isDelayed()) await job?.promote();
    },
    close: async () => void (await Promise.all([...queues.values()].map((queue) => queue.close()))),
  };
}

/**
 * A message in its turn's job. `attempts` counts how often a worker started it; an attempt that was
 * handed back does not count.
 */
export type TurnMessage = { id: string; at: string; text: string; media: number; attempts: number };

/**
 * The job that makes the worker answer a conversation. `messages` are the messages it received,
 * oldest first.
 */
export type TurnData = {
  conversation: string;
  messages: TurnMessage[];
  /** How often a usage limit has delayed it. */ waits?: number | undefined;
};

const StoredTurnMessage = z.looseObject({
  id: z.string(),
  at: z.string().catch(''),
  text: z.string().catch(''),
  media: z.number().catch(0),
  attempts: z.number().catch(0),
});
const StoredTurn = z.looseObject({
  conversation: PersonAddress,
  messages: z
    .array(z.unknown())
    .transform((messages) => messages.flatMap((one) => StoredTurnMessage.safeParse(one).data ?? []))
    .catch([]),
  waits: z.number().optional().catch(undefined),
});

/**
 * The data of a turn's job, which another version may have written. Messages in it that cannot be
 * read are left out; without a conversation it is that of `deduplicated`, by which BullMQ tells the
 * turns of one conversation. Undefined if neither names one.
 */
export function readTurnData(
  data: unknown,
  deduplicated: string | undefined,
): TurnData | undefined {
  return (
    StoredTurn.safeParse(data).data ?? StoredTurn.safeParse({ conversation: deduplicated }).data
  );
}

/**
 * The result of a finished turn. `durationMs` is Claude's working time, `costUsd` an estimate by
 * Claude Code.
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
