import { DelayedError, UnrecoverableError, WaitingError } from 'bullmq';
import type { Job } from 'bullmq';
import { FencedError } from '../../shared/store/boxes/inbox.ts';
import type { Log } from '../../shared/runtime/log.ts';
import { delayJob } from './job-moves.ts';
import type { Processor } from './queue-worker.ts';

/** Errors that already determine what happens to the job. */
const settled = [DelayedError, WaitingError, UnrecoverableError, FencedError];

/**
 * Keeps a turn under its name when a defect or a Redis error ends it: it is delayed by `pauseMs`. A
 * failed job would leave its messages to a turn with another name, and the replies, files and
 * questions of a turn are named after it: the next turn would repeat all of them. If delaying
 * fails, too, the job stays active in this worker without running, and the lease recovers it.
 */
export function keepTurns(process: Processor, pauseMs: (job: Job) => number, log: Log): Processor {
  return async (job, token, signal) => {
    try {
      return await process(job, token, signal);
    } catch (error) {
      if (settled.some((kind) => error instanceof kind)) throw error;
      const ms = pauseMs(job);
      log.error({ turn: job.id, err: error, pauseMs: ms }, 'turn broke off: delayed');
      return await delayJob(job, token, ms).catch((reason: unknown) => {
        if (reason instanceof DelayedError) throw reason;
        log.error({ turn: job.id, err: reason }, 'delaying a turn failed');
        throw new WaitingError();
      });
    }
  };
}
