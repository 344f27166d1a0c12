import type { Log } from '../../shared/runtime/log.ts';

/** Delay until the next attempt after a failed one (ms). */
const againMs = 4000;

export type SleepDeps = {
  /** How long the worker must be idle (ms). */
  idleMs: number;
  /** Pauses and resumes the taking of jobs. */
  pause: () => Promise<void>;
  resume: () => Promise<void>;
  /** Whether something runs without a job, so that the computer must not sleep. */
  isBusy?: () => boolean;
  /** Decides atomically (`shared/store/vm-state.ts`); true when the VM is asleep now. */
  fallAsleep: () => Promise<boolean>;
  /** Ends the process. */
  onAsleep: () => void;
  log: Log;
};

/** Puts the worker to sleep after enough idle time. */
export type Sleep = {
  /** Runs a piece of work and keeps the worker awake meanwhile. */
  during<T>(work: () => Promise<T>): Promise<T>;
  /** Starts or restarts the idle timer. */
  stir(): void;
  stop(): void;
};

export function createSleep(deps: SleepDeps): Sleep {
  const { idleMs, pause, resume, isBusy = () => false, fallAsleep, onAsleep, log } = deps;
  let running = 0;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;

  const look = async (): Promise<void> => {
    if (running > 0 || stopped) return;
    if (isBusy()) return arm(againMs);
    await pause();
    if (running === 0 && (await fallAsleep())) {
      stopped = true;
      log.info('idle: falling asleep');
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
