import { DelayedError, UnrecoverableError, WaitingError } from 'bullmq';
import type { Job } from 'bullmq';
import { FencedError } from '../../shared/store/boxes/inbox.ts';
import type { Log } from '../../shared/runtime/log.ts';
import { delayJob } from '../process/job-moves.ts';
import type { Processor } from '../process/queue-worker.ts';

/** What says itself what becomes of the job. */
const settled = [DelayedError, WaitingError, UnrecoverableError, FencedError];

/**
 * Keeps a turn under its name when a defect or a refusal of Redis ends it: it is put off by
 * `pauseMs`. As a failed job it would leave its messages to a turn of another name, and what a turn
 * says, sends and asks on the way is named after the turn: the next one would do all of it a second
 * time. Where it cannot even be put off it stays with this worker without being worked, and the
 * lease brings it back.
 */
export function keepTurns(process: Processor, pauseMs: (job: Job) => number, log: Log): Processor {
  return async (job, token, signal) => {
    try {
      return await process(job, token, signal);
    } catch (error) {
      if (settled.some((kind) => error instanceof kind)) throw error;
      const ms = pauseMs(job);
      log.error({ turn: job.id, err: error, pauseMs: ms }, 'a turn broke off: it is put off');
      return await delayJob(job, token, ms).catch((reason: unknown) => {
        if (reason instanceof DelayedError) throw reason;
        log.error({ turn: job.id, err: reason }, 'a turn could not be put off');
        throw new WaitingError();
      });
    }
  };
}
