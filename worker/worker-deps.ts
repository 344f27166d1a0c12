import type { Contents } from '../shared/twilio/content-cache.ts';
import type { Reconciling } from '../shared/delivery/deliver.ts';
import type { Messenger } from '../shared/delivery/messenger.ts';
import type { SendRateLimit } from '../shared/store/send-rate.ts';
import type { Tracing } from '../shared/runtime/tracing.ts';
import type { CreateAgent } from './process/boot.ts';
import type { Homes } from './agent/homes/homes.ts';
import type { LeaseTimes } from './process/lease.ts';
import type { ProgressTimes } from './progress/progress.ts';
import type { Speaker } from './media/speaking.ts';
import type { Transcriber } from './media/transcribing.ts';
import type { FileReader } from './reading/file-reader.ts';
import type { ScheduleTimes } from './snapshots/schedule.ts';
import type { Silence } from './turn/watchdog.ts';

/**
 * The parts of a worker besides its configuration: another agent or messenger makes a different
 * composition.
 */
export type WorkerDeps = {
  createAgent: CreateAgent;
  /** People's places on this computer; below DATA_DIR and of the worker's own user by default. */
  homes?: Homes | undefined;
  /** Creates the messenger with the Twilio contents known to Redis. */
  createMessenger: (contents: Contents) => Messenger;
  media?: WorkerMedia;
  times: WorkerTimes;
  /** Traces its steps; stopped with the worker. No tracing by default. */
  tracing?: Tracing;
  sendRate: SendRateLimit;
  /** How many conversations are worked at once, and how many are sent to at once. */
  concurrency: { turns: number; deliveries: number };
  /** Called when the worker is idle and has fallen asleep: end the process. */
  onAsleep: () => void;
  /** Called when a newer boot of this worker has taken over; this one stops. */
  onFenced: () => void;
};

/** What reads, transcribes and speaks files. */
export type WorkerMedia = {
  /** Transcribes voice messages; undefined or absent when not configured. */
  transcribe?: Transcriber | undefined;
  /** Speaks the answers to voice messages; undefined or absent when not configured. */
  speak?: Speaker | undefined;
  /**
   * Reads files from people and from the agent; stopped with the worker. By default the worker
   * creates its own.
   */
  reader?: FileReader | undefined;
};

export type WorkerTimes = {
  /** When the process began (ms since 1970); when the worker began by default. */
  startedAt?: number;
  /**
   * How long after its start the worker prewarms a reader process (ms); three seconds by default.
   */
  warmMs?: number;
  /** When long work reports progress; after a minute by default. */
  progress?: ProgressTimes;
  reconciling: Reconciling;
  silence: Silence;
  lease: LeaseTimes;
  /** When snapshots of homes are taken; as in production by default. */
  snapshots?: ScheduleTimes;
};
