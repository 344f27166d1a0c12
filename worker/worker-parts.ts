import type { Contents } from '../shared/twilio/content-cache.ts';
import type { Reconciling } from '../shared/delivery/deliver.ts';
import type { Messenger } from '../shared/delivery/messenger.ts';
import type { SendRateLimit } from '../shared/store/send-rate.ts';
import type { Redis } from '../shared/store/redis/redis.ts';
import type { Tracing } from '../shared/runtime/tracing.ts';
import type { Agent } from './agent/agent.ts';
import type { AgentUser } from './agent/sandbox/user.ts';
import type { LeaseTimes } from './process/lease.ts';
import type { ProgressTimes } from './progress/progress.ts';
import type { Transcriber } from './media/transcribing.ts';
import type { FileReader } from './reading/file-reader.ts';
import type { Silence } from './turn/watchdog.ts';

/**
 * What a worker is made of besides its configuration: another agent or messenger makes another
 * composition.
 */
export type WorkerParts = {
  /**
   * Makes the agent once the worker has its name, `WORKER_ID#boot`. `redis` is the worker's own
   * connection.
   */
  createAgent: (owner: string, redis: Redis) => Promise<Agent>;
  /** The user whose the agent's files are, where it is not the worker's own. */
  user?: AgentUser | undefined;
  /** Makes the messenger with what Redis knows of Twilio's contents. */
  createMessenger: (contents: Contents) => Messenger;
  /** Writes voice messages down; undefined or absent when nothing is set up for it. */
  transcribe?: Transcriber | undefined;
  /**
   * Looks into the files that people and the agent hand over; stopped with the worker. Else the
   * worker makes its own.
   */
  reader?: FileReader | undefined;
  /** How long after its start the worker gets ready for the first file (ms); else three seconds. */
  warmMs?: number;
  /** When long work says what it does; else after a minute. */
  progress?: ProgressTimes;
  /** Where its steps are told of; stopped with the worker. Else nobody hears of them. */
  tracing?: Tracing;
  pace: SendRateLimit;
  reconciling: Reconciling;
  silence: Silence;
  lease: LeaseTimes;
  /** How many conversations are worked at once, and how many are written to at once. */
  concurrency: { turns: number; deliveries: number };
  /** Called when there is nothing to do and the worker has fallen asleep: end the process. */
  onAsleep: () => void;
  /** Called when a newer boot of this worker has taken over; this one stops. */
  onFenced: () => void;
};
