import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Worker } from 'bullmq';
import type { Job } from 'bullmq';
import { createConversations } from '../shared/conversation.ts';
import { createDelivery } from '../shared/delivery.ts';
import type { Reconciling } from '../shared/delivery.ts';
import { createFileStore } from '../shared/file-store.ts';
import { createInbox } from '../shared/inbox.ts';
import { prefix } from '../shared/keys.ts';
import { createLedger } from '../shared/ledger.ts';
import { createReleasers } from '../shared/lifecycle.ts';
import type { Running } from '../shared/lifecycle.ts';
import type { Log } from '../shared/log.ts';
import type { Messenger } from '../shared/messenger.ts';
import { createOutbox } from '../shared/outbox.ts';
import { createPace } from '../shared/pace.ts';
import type { PaceLimit } from '../shared/pace.ts';
import { createDeliveries, createTurns } from '../shared/queues.ts';
import type { QueueName } from '../shared/queues.ts';
import { connectRedis } from '../shared/redis.ts';
import type { Redis } from '../shared/redis.ts';
import { checkRedis } from '../shared/redis-check.ts';
import { sweep } from '../shared/sweep.ts';
import type { Agent } from './agent/agent.ts';
import type { WorkerConfig } from './config.ts';
import { createDeliveryProcessor } from './deliveries.ts';
import { createLease } from './lease.ts';
import type { LeaseTimes } from './lease.ts';
import { createLiveClaims } from './live-claims.ts';
import { createTurnProcessor } from './turn.ts';
import { createTyping } from './typing.ts';
import type { Silence } from './watchdog.ts';

/** What a worker is made of besides its configuration: another agent or messenger makes another composition. */
export type WorkerParts = {
  /** Makes the agent once the worker has its name, `WORKER_ID#boot`. */
  createAgent: (owner: string) => Promise<Agent>;
  messenger: Messenger;
  pace: PaceLimit;
  reconciling: Reconciling;
  silence: Silence;
  lease: LeaseTimes;
  /** How many conversations are worked at once, and how many are written to at once. */
  concurrency: { turns: number; deliveries: number };
  /** Called when a newer boot of this worker has taken over; this one stops. */
  onFenced: () => void;
};

/** Runs the worker until it is stopped. Returns its address as this machine sees it. */
export async function runWorker(config: WorkerConfig, parts: WorkerParts, log: Log): Promise<Running & { url: string }> {
  const releasers = createReleasers(log);
  const workers = new Map<QueueName, Worker>();
  try {
    const redis = connectRedis(config.REDIS_URL, 'patient', log);
    releasers.add('redis', () => redis.disconnect());
    const turns = createTurns(redis);
    const deliveries = createDeliveries(redis);
    releasers.add('queues', () => Promise.all([turns.close(), deliveries.close()]));

    const lease = await createLease({
      redis, worker: config.WORKER_ID, times: parts.lease, log,
      recover: async (name) => void (await workers.get(name)?.getBackend().moveStalledJobsToWait()),
      onFenced: parts.onFenced,
    });
    const agent = await parts.createAgent(lease.owner);
    releasers.add('agent', () => agent.stop());
    const claims = await createLiveClaims(redis, lease.owner, (conversation) => agent.release(conversation), log);
    releasers.add('claims', () => claims.stop());

    const outbox = createOutbox(redis, deliveries);
    const ledger = createLedger(redis);
    const deliver = createDelivery({
      messenger: parts.messenger, outbox, ledger, log, publicUrl: config.PUBLIC_URL,
      pace: createPace(redis, parts.pace), reconciling: parts.reconciling, now: Date.now,
    });
    const processTurn = createTurnProcessor({
      agent, outbox, ledger, log,
      inbox: createInbox(redis), conversations: createConversations(redis), files: createFileStore(redis),
      dataDir: config.DATA_DIR, publicUrl: config.PUBLIC_URL, silence: parts.silence,
      claim: (conversation) => claims.claim(conversation),
      showTyping: createTyping(parts.messenger),
    });
    const processDelivery = createDeliveryProcessor(outbox, deliver);

    const start = (name: QueueName, concurrency: number, process: (job: Job, token: string, signal: AbortSignal) => Promise<unknown>): void => {
      workers.set(name, startWorker(name, redis, lease.owner, concurrency, process, log));
    };
    start('turns', parts.concurrency.turns, processTurn);
    start('deliveries', parts.concurrency.deliveries, processDelivery);
    releasers.add('lease', () => lease.stop());
    releasers.add('workers', () => Promise.all([...workers.values()].map((worker) => closeWorker(worker, config.STOP_SECONDS * 1000))));

    await checkRedis(redis, log);
    await lease.renew();
    await sweep(redis, turns, deliveries, log);
    lease.start();
    for (const worker of workers.values()) void worker.run();

    const server = createServer((request, response) => {
      const known = request.method === 'GET' && request.url === '/health';
      response.writeHead(known ? 200 : 404, { 'Content-Type': 'application/json' }).end(JSON.stringify({ status: known ? 'ok' : 'nothing here' }));
    });
    releasers.add('server', () => server.close());
    const port = await listen(server, config.PORT, config.HOST);
    log.info({ port, worker: lease.owner }, 'the worker is ready');
    return { url: `http://127.0.0.1:${port}`, stop: () => releasers.run() };
  } catch (error) {
    await releasers.run();
    throw error;
  }
}

/**
 * A BullMQ worker that does not start by itself. Its polling is slow on purpose: a new job wakes it at once, and each poll is a Redis command that
 * may be billed. Crashes are counted by the turn itself, so BullMQ's own limit is out of reach.
 */
function startWorker(name: QueueName, redis: Redis, owner: string, concurrency: number, process: (job: Job, token: string, signal: AbortSignal) => Promise<unknown>, log: Log): Worker {
  const worker = new Worker(name, async (job, token, signal) => await process(job, token ?? '', signal ?? new AbortController().signal), {
    connection: redis, prefix, name: owner, concurrency, autorun: false,
    lockDuration: 60_000, drainDelay: 300, stalledInterval: 300_000, maxStalledCount: 1_000_000,
  });
  // A lost connection is logged by the connection itself.
  worker.on('error', (error) => log.debug({ err: error, queue: name }, 'BullMQ'));
  worker.on('lockRenewalFailed', (ids) => {
    for (const id of ids) worker.cancelJob(id, 'its lock was lost');
  });
  return worker;
}

/** What ending and handing back may take at most once the turns are interrupted (ms). */
const handBackMs = 3000;

/**
 * Takes nothing new and lets what runs go on until its deadline; then interrupts it, so that it is handed back to the next worker. All of it
 * ends within `ms` milliseconds.
 */
async function closeWorker(worker: Worker, ms: number): Promise<void> {
  const interrupt = setTimeout(() => worker.cancelAllJobs('the worker stops'), Math.max(ms - handBackMs, 0));
  const deadline = Promise.withResolvers<void>();
  const timer = setTimeout(deadline.resolve, ms);
  await Promise.race([worker.close(), deadline.promise.then(() => worker.close(true))]);
  clearTimeout(interrupt);
  clearTimeout(timer);
}

async function listen(server: Server, port: number, host: string | undefined): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, ...(host ? { host } : {}) }, resolve);
  });
  return (server.address() as AddressInfo).port;
}
