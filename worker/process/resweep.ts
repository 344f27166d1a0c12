import type { Log } from '../../shared/runtime/log.ts';

/**
 * How long after a failed job its conversation is swept (ms): doubled with each failure in a row,
 * up to the longest.
 */
const firstPauseMs = 5000;
const longestPauseMs = 600_000;

/**
 * Sweeps conversations whose job failed, by a defect or by Redis, more and more seldom while the
 * failures go on.
 */
export type Resweep = {
  onFailed(conversation: string): void;
  /**
   * Counts a failure that wants no sweep, and returns how long the conversation is left alone after
   * it (ms).
   */
  pauseAfterFailure(conversation: string): number;
  /** A job of the conversation went well: the next failure is the first again. */
  onDone(conversation: string): void;
  /** Whether a sweep of it is due: until then it is left alone. */
  isPending(conversation: string): boolean;
  stop(): void;
};

export type ResweepParts = {
  /** Gives the conversation a job for what waits without one. */
  sweep: (conversation: string) => Promise<unknown>;
  /** Runs something after a time (ms); returns what takes it back. */
  after?: (ms: number, run: () => void) => () => void;
  log: Log;
};

export function createResweep({ sweep, after = afterTime, log }: ResweepParts): Resweep {
  const failures = new Map<string, number>();
  const pending = new Map<string, () => void>();

  const pauseAfterFailure = (conversation: string): number => {
    const count = (failures.get(conversation) ?? 0) + 1;
    failures.set(conversation, count);
    return Math.min(firstPauseMs * 2 ** (count - 1), longestPauseMs);
  };
  const onFailed = (conversation: string): void => {
    const pauseMs = pauseAfterFailure(conversation);
    // One look is enough for all that has failed until then.
    if (pending.has(conversation)) return;
    pending.set(
      conversation,
      after(pauseMs, () => {
        pending.delete(conversation);
        sweep(conversation).catch((error: unknown) => {
          log.warn({ err: error, conversation }, 'could not sweep');
          onFailed(conversation);
        });
      }),
    );
  };

  return {
    onFailed,
    pauseAfterFailure,
    onDone: (conversation) => void failures.delete(conversation),
    isPending: (conversation) => pending.has(conversation),
    stop() {
      for (const cancel of pending.values()) cancel();
      pending.clear();
    },
  };
}

function afterTime(ms: number, run: () => void): () => void {
  const timer = setTimeout(run, ms).unref();
  return () => clearTimeout(timer);
}
