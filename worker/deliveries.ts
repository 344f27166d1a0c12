import { UnrecoverableError } from 'bullmq';
import type { Job } from 'bullmq';
import type { Deliver } from '../shared/delivery/deliver.ts';
import type { NextDeliveries } from '../shared/store/boxes/next-delivery.ts';
import type { Fence } from '../shared/store/boxes/inbox.ts';
import { keys } from '../shared/store/redis/keys.ts';
import { homeOfQueue } from '../shared/store/homes/routes.ts';
import { readTurnData } from '../shared/store/queues.ts';
import type { DeliveryData } from '../shared/store/queues.ts';
import { delayJob, handBack } from './process/job-moves.ts';

/**
 * Sends a conversation's outbox in order. A reply that must wait holds up only its own
 * conversation: the job is delayed, not blocked. `onElsewhere` adds a delivery to the queue of the
 * conversation's home, if the job is in another home's queue.
 */
export function createDeliveryProcessor(
  nextDeliveries: NextDeliveries,
  deliver: Deliver,
  now: () => number,
  onElsewhere: (conversation: string) => Promise<unknown> = async () => undefined,
): (
  job: Job<DeliveryData, { sent: number }>,
  token: string,
  signal: AbortSignal,
) => Promise<{ sent: number }> {
  return async (job, token, signal) => {
    const data = readTurnData(job.data, job.deduplicationId);
    if (data === undefined) throw new UnrecoverableError('the delivery names no conversation');
    const { conversation } = data;
    const fence: Fence = { lock: keys.jobLock(job.queueName, job.id ?? ''), token };
    const home = homeOfQueue('deliveries', job.queueName);
    for (let sent = 0; ;) {
      if (signal.aborted) return await handBack(job, token);
      const nextDelivery = await nextDeliveries.next(conversation, fence, now(), home);
      if (nextDelivery.kind === 'elsewhere') await onElsewhere(conversation);
      if (nextDelivery.kind === 'none' || nextDelivery.kind === 'elsewhere') return { sent };
      if (nextDelivery.kind === 'wait') return await delayJob(job, token, nextDelivery.ms);
      const { kind, reply } = nextDelivery;
      const step = await deliver(reply, fence, kind === 'send' ? reply.attempts : undefined);
      if (!step.done && step.waitMs > 0) return await delayJob(job, token, step.waitMs);
      if (step.done) sent += 1;
      if (step.done && step.left === 0) return { sent };
    }
  };
}
