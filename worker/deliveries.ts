import type { Job } from 'bullmq';
import type { DeliveryStep } from '../shared/delivery.ts';
import type { Fence } from '../shared/inbox.ts';
import { keys } from '../shared/keys.ts';
import type { Outbox } from '../shared/outbox.ts';
import type { DeliveryData } from '../shared/queues.ts';
import type { Reply } from '../shared/reply.ts';
import { delayJob, handBack } from './job-moves.ts';

/** Empties a conversation's outbox, in order. A reply that must wait holds up its conversation only: the job is put off, not blocked. */
export function createDeliveryProcessor(
  outbox: Outbox,
  deliver: (reply: Reply, fence: Fence) => Promise<DeliveryStep>,
): (job: Job<DeliveryData, { sent: number }>, token: string, signal: AbortSignal) => Promise<{ sent: number }> {
  return async (job, token, signal) => {
    const fence: Fence = { lock: keys.jobLock('deliveries', job.id ?? ''), token };
    let sent = 0;
    for (let reply = await outbox.head(job.data.conversation); reply; reply = await outbox.head(job.data.conversation)) {
      if (signal.aborted) return await handBack(job, token);
      const step = await deliver(reply, fence);
      if (step.done) sent += 1;
      else if (step.waitMs > 0) return await delayJob(job, token, step.waitMs);
    }
    return { sent };
  };
}
