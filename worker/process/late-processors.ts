import type { QueueName } from '../../shared/store/queues.ts';
import type { ProcessorParts } from '../processors.ts';
import type { Processor } from './queue-worker.ts';
import { lazy } from '../../shared/runtime/lazy.ts';

/**
 * The processors, loaded lazily, in parallel with the fetching of the first job: they are most of
 * the worker's code.
 */
export type LateProcessors = {
  /** The processor for this queue's jobs; its first job waits until it is loaded. */
  of(queue: QueueName): Processor;
  /** Loads them now, unless a job has done so. Rejects when they cannot be created. */
  load(): Promise<void>;
};

export function createLateProcessors(parts: ProcessorParts): LateProcessors {
  const get = lazy(async () => (await import('../processors.ts')).createProcessors(parts));
  return {
    of: (queue) => async (job, token, signal) => await (await get())[queue](job, token, signal),
    load: async () => void (await get()),
  };
}
