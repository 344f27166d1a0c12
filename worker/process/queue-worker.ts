import { Worker } from 'bullmq';
import type { Job, Telemetry } from 'bullmq';
import { prefix } from '../../shared/store/redis/keys.ts';
import type { Log } from '../../shared/runtime/log.ts';
import type { QueueName } from '../../shared/store/queues.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import type { RunningJobs } from './running-jobs.ts';

/** Works a job. `token` is what BullMQ's lock on it holds; `signal` asks for an end. */
export type Processor = (job: Job, token: string, signal: AbortSignal) => Promise<unknown>;

export type QueueWorkerOptions = {
  name: QueueName;
  redis: Redis;
  /** `WORKER_ID#boot`, which BullMQ writes on every job. */
  owner: string;
  concurrency: number;
  process: Processor;
  /** Holds the jobs that are being worked. */
  running: RunningJobs;
  /** Called when the lock of some job could not be renewed: another worker may have it. */
  onLockLost: () => void;
  /** Goes on with the trace that a job carries. */
  telemetry?: Telemetry | undefined;
  log: Log;
};

/** How long BullMQ's lock on a job holds (ms); it is renewed each half of this time. */
export const lockMs = 60_000;

/** How often BullMQ asks an empty queue for a job (s), and looks for stalled ones (ms). */
export const slowPolls = { drainSeconds: 900, stalledMs: 600_000 };

/**
 * A BullMQ worker that does not start by itself. Its polling is slow on purpose: a new job wakes it
 * at once, and each poll is a Redis command that may be billed. Crashes are counted by the turn
 * itself, so BullMQ's own limit is out of reach.
 */
export function createQueueWorker({
  name,
  redis,
  owner,
  concurrency,
  process,
  running,
  onLockLost,
  telemetry,
  log,
}: QueueWorkerOptions): Worker {
  // BullMQ gives a processor its signal only when it has three parameters.
  const work = async (job: Job, token = '', signal?: AbortSignal): Promise<unknown> => {
    const run = running.begin(name, job.id ?? '', token);
    try {
      return await process(job, token, signal ? AbortSignal.any([run.signal, signal]) : run.signal);
    } finally {
      run.done();
    }
  };
  const worker = new Worker(name, async (job, token, signal) => await work(job, token, signal), {
    connection: redis,
    prefix,
    name: owner,
    concurrency,
    autorun: false,
    lockDuration: lockMs,
    drainDelay: slowPolls.drainSeconds,
    stalledInterval: slowPolls.stalledMs,
    maxStalledCount: 1_000_000,
    ...(telemetry ? { telemetry } : {}),
  });
  // A lost connection is logged by the connection itself.
  worker.on('error', (error) => log.debug({ err: error, queue: name }, 'BullMQ'));
  worker.on('lockRenewalFailed', onLockLost);
  return worker;
}

/** What ending and handing back may take at most once the turns are interrupted (ms). */
const handBackMs = 3000;

/**
 * Takes nothing new and lets what runs go on until its deadline; then interrupts it, so that it is
 * handed back to the next worker. All of it ends within `ms` milliseconds.
 */
export async function closeQueueWorker(worker: Worker, ms: number): Promise<void> {
  const interrupt = setTimeout(
    () => worker.cancelAllJobs('the worker stops'),
    Math.max(ms - handBackMs, 0),
  );
  const deadline = Promise.withResolvers<void>();
  const timer = setTimeout(deadline.resolve, ms);
  await Promise.race([worker.close(), deadline.promise]);
  clearTimeout(interrupt);
  clearTimeout(timer);
}
