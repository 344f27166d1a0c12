import { once } from 'node:events';
import type { IRedisClient, IRedisTransaction, Job } from 'bullmq';
import { isDemotion } from './redis.ts';
import type { Redis } from './redis.ts';
import type { ScriptCall } from './script.ts';

/** A command, or a script of BullMQ's by its name, with its arguments. */
export type Call = [name: string, args: unknown[]];

/** What one call of a transaction came to: an error, or its reply. */
export type Outcome = [error: Error | null, reply: unknown];

/**
 * A script as a call. It travels as text, not as a digest: a Redis that has forgotten the script
 * would otherwise run the rest of the transaction alone.
 */
export function callScript({ name, lua, keys, args }: ScriptCall): Call {
  return ['eval', [`-- ${name}\n${lua}`, keys.length, ...keys, ...args]];
}

/**
 * What BullMQ does to add the job, as calls: whatever it hands to a transaction is only written
 * down.
 */
export async function callsToAdd(job: Job): Promise<Call[]> {
  const calls: Call[] = [];
  const notebook = {
    runCommand(name: string, args: unknown[]) {
      calls.push([name, args]);
      return notebook;
    },
  };
  // Of a transaction `addJob` uses `runCommand` alone.
  await job.addJob(notebook as unknown as IRedisTransaction);
  return calls;
}

/**
 * Runs the calls as one transaction, in one trip. `client` is BullMQ's view of the same connection,
 * which knows its scripts. Throws when Redis did not run it.
 */
export async function runTransaction(
  redis: Redis,
  client: IRedisClient,
  calls: Call[],
): Promise<Outcome[]> {
  const isPatient = redis.options.autoResendUnfulfilledCommands;
  for (let attempt = 1; ; attempt += 1) {
    const outcomes = isPatient
      ? await inPipeline(client, calls)
      : await inOneWrite(redis, client, calls);
    if (!outcomes) throw new Error('Redis gave the transaction up');
    const refusal = outcomes.find(([error]) => error && isDemotion(error))?.[0];
    if (!refusal) return outcomes;
    // What fails within a transaction is not seen by the connection. A Redis without writes has
    // done nothing of it.
    redis.options.reconnectOnError?.(refusal);
    if (redis.status === 'ready') redis.disconnect(true);
    // Twilio's repeats come at once, so a fail-over that is over is not theirs to bridge.
    if (!isPatient && (attempt > 1 || !(await isReadyWithin(redis, bridgedMs)))) throw refusal;
  }
}

/**
 * How long a connection that never sends again may take to come to the new primary (ms): a webhook
 * has two seconds in all.
 */
const bridgedMs = 700;

async function isReadyWithin(redis: Redis, ms: number): Promise<boolean> {
  try {
    await once(redis, 'ready', { signal: AbortSignal.timeout(ms) });
    return true;
  } catch {
    return false;
  }
}

/**
 * ioredis's own transaction. A connection that sends again what had no answer needs it: should the
 * connection break in the middle of the replies, it sends again all or nothing.
 */
async function inPipeline(client: IRedisClient, calls: Call[]): Promise<Outcome[] | null> {
  const multi = client.multi();
  for (const [name, args] of calls) multi.runCommand(name, args);
  return await multi.exec();
}

/**
 * On a connection that never sends again the commands go out one after the other, which takes a
 * third less of the CPU: ioredis's transaction is an object that gets each of BullMQ's 60 scripts
 * as a method, every time. Nothing may come between them, so there is nothing to wait for here
 * until the last is written.
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
    // What was begun must end, or all later commands would be part of it.
    if (!isWhole) redis.discard().catch(() => undefined);
    for (const one of queued) one.catch(() => undefined);
  }
  try {
    return await redis.exec();
  } catch (error) {
    // The first refusal tells more than the end of the transaction, which only says that there was
    // one.
    await Promise.all(queued);
    throw error;
  }
}

/** Connections whose writes are held back at the moment. */
const gathering = new WeakSet<object>();

/**
 * What is written until the event loop has gone through what has come in goes out together: one
 * system call for all webhooks that came at the same time.
 */
function gatherWrites(redis: Redis): void {
  // It has none before its first connection.
  const stream = redis.stream as Redis['stream'] | undefined;
  if (!stream || gathering.has(stream)) return;
  gathering.add(stream);
  stream.cork();
  setImmediate(() => {
    gathering.delete(stream);
    stream.uncork();
  });
}
