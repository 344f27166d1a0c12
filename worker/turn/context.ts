import type { Job } from 'bullmq';
import type { Fence } from '../../shared/store/boxes/inbox.ts';
import type { Log } from '../../shared/runtime/log.ts';
import type { TurnData, TurnResult } from '../../shared/store/queues.ts';
import type { Subscription } from './arrivals.ts';
import type { TurnSlot } from './turn-slot.ts';

/**
 * The turn at work: its job, the proof that this worker has it, and the signal that asks for its
 * end. Times are ms since 1970.
 */
export type TurnContext = {
  job: Job<TurnData, TurnResult>;
  token: string;
  /** The job's id, which names the turn everywhere. */
  turn: string;
  conversation: string;
  fence: Fence;
  /** What comes in for the conversation while the turn runs. */
  subscription: Subscription;
  signal: AbortSignal;
  /** Its place among the turns that may work. */
  slot: TurnSlot;
  startedAt: number;
  log: Log;
};
