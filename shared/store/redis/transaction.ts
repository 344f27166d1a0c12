import { once } from 'node:events';
import type { IRedisClient, IRedisTransaction, Job } from 'bullmq';
import { isDemotion } from './redis.ts';
import type { Redis } from './redis.ts';
import type { ScriptCall } from './script.ts';

/** A command, or one of BullMQ's scripts by its name, with its arguments. */
export type Call = [name: string, args: unknown[]];

/** The outcome of one call of a transaction: an error, or its reply. */
export type Outcome = [error: Error | null, reply: unknown];

/**
 * A script as a call. It is sent as text, not as a digest: a Redis that has lost the script would
 * otherwise run the rest of the transaction without it.
 */
export function callScript({ lua, keys, args }: ScriptCall): Call {
  return ['eval', [lua, keys.length, ...keys, ...args]];
}

/** The calls by which BullMQ adds the job: a recorder takes the place of the transaction. */
export async function callsToAdd(job: Job): Promise<Call[]> {
  const calls: Call[] = [];
  const notebook = {
    runCommand(name: string, args: unknown[]) {
      calls.push([name, args]);
      return notebook;
    },
  };
  // `addJob` uses only `runCommand` of a transaction.
  await job.addJob(notebook as unknown as IRedisTransaction);
  return calls;
}

/**
 * Runs the calls as one transaction, in one trip. `client` is BullMQ's view of the same connection,
 * which has its scripts. A connection that never resends sends them once more after a short cut, so
 * they must be safe to repeat. Throws when Redis did not run it.
 */
export async function runTransaction(
  redis: Redis,
  client: IRedisClient,
  calls: Call[],
): Promise<Outcome[]> {
  const isPatient = redis.options.autoResendUnfulfilledCommands;
  for (let attempt = 1; ; attempt += 1) {
    let outcomes: Outcome[] | null;
    try {
      outcomes = isPatient
        ? await inPipeline(client, calls)
        : await inOneWrite(redis, client, calls);
    } catch (error) {
      if (isPatient || attempt > 1 || !(await isReconnected(redis))) throw error;
      continue;
    }
    if (!outcomes) throw new Error('Redis aborted the transaction');
    const refusal = outcomes.find(([error]) => error && isDemotion(error))?.[0];
    if (!refusal) return outcomes;
    // The connection does not see an error inside a transaction. A Redis without writes has done
    // nothing.
    redis.options.reconnectOnError?.(refusal);
    if (redis.status === 'ready') redis.disconnect(true);
    // Twilio's retries come at once, so a short fail-over has to be bridged here rather than by
    // them.
    if (!isPatient && (attempt > 1 || !(await isReadyWithin(redis, bridgedMs)))) throw refusal;
  }
}

/**
 * Whether the connection was cut and is back within `bridgedMs`. Twilio's retries would all come
 * before that, and the message would wait for the backfill.
 */
async function isReconnected(redis: Redis): Promise<boolean> {
  // For a moment a closed connection still counts as ready.
  const isUp = redis.status === 'ready' && redis.stream.writable;
  return !isUp && redis.status !== 'end' && (await isReadyWithin(redis, bridgedMs));
}

/**
 * How long a connection that never resends may take to reach the new primary (ms): a webhook has
 * two seconds in all.
 */
const bridgedMs = 700;

/** The connections that are waited for: all webhooks of one moment share a listener. */
const awaited = new WeakMap<Redis, Promise<boolean>>();

async function isReadyWithin(redis: Redis, ms: number): Promise<boolean> {
  const present = awaited.get(redis);
  if (present) return await present;
  const ready = once(redis, 'ready', { signal: AbortSignal.timeout(ms) })
    .then(
      () => true,
      () => false,
    )
    .finally(() => awaited.delete(redis));
  awaited.set(redis, ready);
  return await ready;
}

/**
 * ioredis's own transaction. A connection that resends unanswered commands needs it: if the
 * connection breaks in the middle of the replies, it resends all or nothing.
 */
async function inPipeline(client: IRedisClient, calls: Call[]): Promise<Outcome[] | null> {
  const multi = client.multi();
  for (const [name, args] of calls) multi.runCommand(name, args);
  return await multi.exec();
}

/**
 * On a connection that never resends, the commands go out one after the other, which takes a third
 * less CPU: ioredis's transaction is an object that gets each of BullMQ's 60 scripts as a method,
 * every time. No other command may come between them, so nothing is awaited here until the last is
 * written.
 */
async function inOneWrite(
  redis: Redis,
  client: IRedisClient,
  calls: Call[],
): Promise<Outcome[] | null> {
  gatherWrites(redis);
  const queued: Promise<unknown>[] = [redis.multi({ pipeline: false })];
  let isWhole = false;
  try {
    for (const [name, args] of calls) queued.push(client.runCommand(name, args));
    isWhole = true;
  } finally {
    // An open transaction must end, or all later commands would become part of it.
    if (!isWhole) redis.discard().catch(() => undefined);
    for (const one of queued) one.catch(() => undefined);
  }
  try {
    return await redis.exec();
  } catch (error) {
    // The first refusal is more specific than the end of the transaction, which only says that
    // there was one.
    await Promise.all(queued);
    throw error;
  }
}

/** Connections that currently buffer their writes. */
const gathering = new WeakSet<object>();

/**
 * Buffers writes until the event loop has processed its pending input: one system call for all
 * webhooks that arrived together.
 */
function gatherWrites(redis: Redis): void {
  // It is undefined before the first connection.
  const stream = redis.stream as Redis['stream'] | undefined;
  if (!stream || gathering.has(stream)) return;
  gathering.add(stream);
  stream.cork();
  setImmediate(() => {
    gathering.delete(stream);
    stream.uncork();
  });
}
