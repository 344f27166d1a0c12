import type { Log } from '../../shared/runtime/log.ts';

/**
 * After a refusal to sleep, and for what keeps it awake, the next look comes after this time (ms).
 */
const againMs = 4000;

export type SleepParts = {
  /** How long there must be nothing to do (ms). */
  idleMs: number;
  /** Stops taking jobs, and goes on taking them. */
  pause: () => Promise<void>;
  resume: () => Promise<void>;
  /** The atomic decision; true when the VM is asleep now. */
  fallAsleep: () => Promise<boolean>;
  /** Ends the process. */
  onAsleep: () => void;
  log: Log;
};

/** Puts the worker to sleep when it has had nothing to do for long enough. */
export type Sleep = {
  /** Runs a piece of work; while one runs the worker stays awake. */
  during<T>(work: () => Promise<T>): Promise<T>;
  /** Begins to count the idle time, or begins anew. */
  stir(): void;
  stop(): void;
};

export function createSleep({
  idleMs,
  pause,
  resume,
  fallAsleep,
  onAsleep,
  log,
}: SleepParts): Sleep {
  let running = 0;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;

  const look = async (): Promise<void> => {
    if (running > 0 || stopped) return;
    await pause();
    if (running === 0 && (await fallAsleep())) {
      stopped = true;
      log.info('nothing to do: falling asleep');
      onAsleep();
      return;
    }
    await resume();
    arm(againMs);
  };
  const arm = (ms: number): void => {
    clearTimeout(timer);
    if (stopped) return;
    timer = setTimeout(() => {
      look().catch(async (error: unknown) => {
        log.warn({ err: error }, 'could not fall asleep');
        await resume().catch(() => undefined);
        arm(againMs);
      });
    }, ms);
  };

  return {
    async during(work) {
      running += 1;
      try {
        return await work();
      } finally {
        running -= 1;
        arm(idleMs);
      }
    },
    stir: () => arm(idleMs),
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
