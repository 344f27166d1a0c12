import type { Log } from '../../shared/runtime/log.ts';

/**
 * Backoff before the conversation of a failed job is swept (ms): doubled with each consecutive
 * failure, up to the longest.
 */
const firstPauseMs = 5000;
const longestPauseMs = 600_000;

/**
 * Sweeps conversations whose job failed, because of a defect or of Redis, with exponential backoff.
 */
export type SweepBackoff = {
  onFailed(conversation: string): void;
  /**
   * Counts a failure without sweeping, and returns how long to leave the conversation alone (ms).
   */
  pauseAfterFailure(conversation: string): number;
  /** A job of the conversation succeeded: resets the backoff. */
  onDone(conversation: string): void;
  /** Whether a sweep is scheduled; until then the conversation is left alone. */
  isPending(conversation: string): boolean;
  stop(): void;
};

export type SweepBackoffDeps = {
  /** Creates a job for the conversation if something waits without one. */
  sweep: (conversation: string) => Promise<unknown>;
  /** Runs a callback after a time (ms); returns a function that cancels it. */
  after?: (ms: number, run: () => void) => () => void;
  log: Log;
};

export function createSweepBackoff({
  sweep,
  after = afterTime,
  log,
}: SweepBackoffDeps): SweepBackoff {
  const failures = new Map<string, number>();
  const pending = new Map<string, () => void>();

  const pauseAfterFailure = (conversation: string): number => {
    const count = (failures.get(conversation) ?? 0) + 1;
    failures.set(conversation, count);
    return Math.min(firstPauseMs * 2 ** (count - 1), longestPauseMs);
  };
  const onFailed = (conversation: string): void => {
    const pauseMs = pauseAfterFailure(conversation);
    // One sweep covers all failures until then.
    if (pending.has(conversation)) return;
    pending.set(
      conversation,
      after(pauseMs, () => {
        pending.delete(conversation);
        sweep(conversation).catch((error: unknown) => {
          log.warn({ err: error, conversation }, 'sweep failed');
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
