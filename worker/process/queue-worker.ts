import { Worker, WaitingError } from 'bullmq';
import type { Job, Telemetry } from 'bullmq';
import { FencedError } from '../../shared/store/boxes/inbox.ts';
import { keys, prefix } from '../../shared/store/redis/keys.ts';
import type { Log } from '../../shared/runtime/log.ts';
import { isUnreadableJob, mendJobs } from '../../shared/store/mend-jobs.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import { repeatStrategy } from '../../shared/store/schedules.ts';
import { handBack } from './job-moves.ts';
import type { RunningJobs } from './running-jobs.ts';
import { within } from '../../shared/runtime/timeout.ts';

/** Processes a job. `token` is the value of BullMQ's lock on it; `signal` requests its end. */
export type Processor = (job: Job, token: string, signal: AbortSignal) => Promise<unknown>;

export type QueueWorkerOptions = {
  name: string;
  redis: Redis;
  /** `WORKER_ID#boot`, which BullMQ writes on every job. */
  owner: string;
  concurrency: number;
  process: Processor;
  /** Tracks the running jobs. */
  running: RunningJobs;
  /** Called when a job's lock is lost or could not be renewed: another worker may have it. */
  onLockLost: () => void;
  /** Continues the trace that a job carries. */
  telemetry?: Telemetry | undefined;
  log: Log;
};

/** How long BullMQ's lock on a job is valid (ms); it is renewed every half of this time. */
export const lockMs = 60_000;

/** How often BullMQ polls an empty queue for a job (s), and checks for stalled ones (ms). */
export const slowPolls = { drainSeconds: 900, stalledMs: 600_000 };

/**
 * A BullMQ worker without autorun. Its polling is slow on purpose: a new job wakes it at once, and
 * each poll is a Redis command that may be billed. The turn itself counts crashes, so BullMQ's own
 * limit is set out of reach.
 */
export function createQueueWorker(options: QueueWorkerOptions): Worker {
  const { name, redis, owner, concurrency, process, running, onLockLost, telemetry, log } = options;
  // BullMQ passes its signal only to a processor with three parameters.
  const runOnce: Processor = async (job, token, signal) => {
    const run = running.begin(name, job.id ?? '', token);
    try {
      // Only its conversation's name for it may be left of a job.
      if (job.deduplicationId === undefined && !name.startsWith('schedules')) {
        await mendJobs(redis, name, 'active');
        const found = await redis.hget(keys.job(name, job.id ?? ''), 'deid');
        if (found !== null) job.deduplicationId = found;
      }
      return await process(job, token, AbortSignal.any([run.signal, signal]));
    } finally {
      run.done();
    }
  };
  const never = new AbortController().signal;
  const work = async (job: Job, token = '', signal = never): Promise<unknown> => {
    try {
      return await runOnce(job, token, signal);
    } catch (error) {
      // Its run is over before the lease is asked, which takes the lock of one again.
      if (error instanceof FencedError) return await leaveFenced(job, token, onLockLost);
      throw error;
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
    settings: { repeatStrategy },
    ...(telemetry ? { telemetry } : {}),
  });
  // The connection logs its own loss.
  worker.on('error', (error) => log.debug({ err: error, queue: name }, 'BullMQ'));
  mendOnError(worker, options);
  worker.on('lockRenewalFailed', onLockLost);
  return worker;
}

/**
 * Mends the jobs of the queue when BullMQ cannot read one. It has taken that one up and runs it
 * nowhere: the lease, which `onLockLost` asks, puts it back.
 */
function mendOnError(worker: Worker, { name, redis, onLockLost, log }: QueueWorkerOptions): void {
  let isMending = false;
  const mend = async (): Promise<void> => {
    if (isMending) return;
    isMending = true;
    try {
      const count = await mendJobs(redis, name);
      log.warn({ queue: name, jobs: count }, 'mended jobs that could not be read');
      onLockLost();
    } catch (error) {
      log.warn({ err: error, queue: name }, 'mending jobs failed');
    } finally {
      isMending = false;
    }
  };
  worker.on('error', (error) => {
    if (isUnreadableJob(error)) void mend();
  });
}

/** Puts the jobs of a queue that a dead worker had back into it; none without a `worker` for it. */
export async function recoverJobs(
  redis: Redis,
  queue: string,
  worker: Worker | undefined,
  log: Log,
): Promise<void> {
  // BullMQ's recovery loses a job at which it fails.
  await mendJobs(redis, queue, 'active').catch((error: unknown) =>
    log.warn({ err: error, queue }, 'mending jobs failed'),
  );
  await worker?.getBackend().moveStalledJobsToWait();
}

/**
 * Leaves a fenced job to the worker that has it, never as failed: that would end it there, too, and
 * what it was added for would wait for a sweep. If the lock is this run's, so that no other worker
 * has the job, it goes back to the head of its queue; a job without a lock is for the lease, which
 * `onLockLost` asks. Always throws the error that BullMQ expects.
 */
async function leaveFenced(job: Job, token: string, onLockLost: () => void): Promise<never> {
  return await handBack(job, token).catch((error: unknown) => {
    if (!(error instanceof WaitingError)) onLockLost();
    throw new WaitingError();
  });
}

/** Time limit for ending and handing back turns once they are interrupted (ms). */
const handBackMs = 3000;

/**
 * Takes no new jobs and lets running ones continue until their deadline; then interrupts them, so
 * that they are handed back to the next worker. Returns within `ms` milliseconds.
 */
export async function closeQueueWorker(worker: Worker, ms: number): Promise<void> {
  const interrupt = setTimeout(
    () => worker.cancelAllJobs('the worker stops'),
    Math.max(ms - handBackMs, 0),
  );
  await within(ms, worker.close(), () => undefined);
  clearTimeout(interrupt);
}
