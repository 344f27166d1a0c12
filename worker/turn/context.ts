import type { Job } from 'bullmq';
import type { Fence } from '../../shared/store/boxes/inbox.ts';
import type { Log } from '../../shared/runtime/log.ts';
import type { TurnData, TurnResult } from '../../shared/store/queues.ts';
import type { TurnSlot } from '../process/slots.ts';
import type { Mailbox } from './mailbox.ts';

/**
 * The current turn: its job, the proof that this worker has it, and the signal that requests its
 * end. Times are ms since 1970.
 */
export type TurnContext = {
  job: Job<TurnData, TurnResult>;
  token: string;
  /** The job's id, which identifies the turn everywhere. */
  turn: string;
  conversation: string;
  fence: Fence;
  /** What happens to the turn. */
  mailbox: Mailbox;
  signal: AbortSignal;
  /** Its slot among the turns that may work. */
  slot: TurnSlot;
  startedAt: number;
  log: Log;
};
