import type { Log } from '../../shared/runtime/log.ts';

/** How often the clocks are checked (ms). */
const lookMs = 1000;

/**
 * Detects that the process was halted for long: stopped by a signal, or its machine suspended.
 * Other workers may have taken over meanwhile.
 */
export type Thaw = {
  /**
   * Resolves when this worker is sure to know which jobs it has lost; at once while the clocks run
   * normally. Never rejects.
   */
  settled(): Promise<void>;
  stop(): void;
};

export type ThawDeps = {
  /** A longer halt (ms) may have cost this worker its jobs. */
  longestMs: number;
  /**
   * Halts everything that works for this worker; the returned function resumes what is left of it.
   */
  pause: () => Promise<() => void>;
  /** Finds the jobs that were taken over, and ends them. */
  ask: () => Promise<void>;
  /**
   * Clocks (ms) that reveal a halt: the wall clock continues while a machine is suspended, the
   * other one covers a wall clock that is set back.
   */
  clocks?: (() => number)[];
  log: Log;
};

/**
 * After a jump of a clock, pauses everything, then ends the jobs that were taken over, and only
 * then resumes the rest.
 */
export function watchThaw(deps: ThawDeps): Thaw {
  const { longestMs, pause, ask, clocks = [Date.now, () => performance.now()], log } = deps;
  const read = (): number[] => clocks.map((clock) => clock());
  let seen = read();
  let settling: Promise<void> | undefined;

  const settle = async (haltMs: number): Promise<void> => {
    log.warn(
      { haltMs: Math.round(haltMs) },
      'process was halted: checking which jobs it still has',
    );
    const resume = await pause().catch((error: unknown) => {
      log.error({ err: error }, 'pausing the work failed');
      return () => undefined;
    });
    // The lease's next renewal retries.
    await ask().catch((error: unknown) =>
      log.warn({ err: error }, 'checking for lost jobs failed'),
    );
    resume();
  };
  const look = (): void => {
    const now = read();
    const haltMs = Math.max(...now.map((time, index) => time - (seen[index] ?? time)));
    seen = now;
    if (haltMs <= longestMs || settling) return;
    settling = settle(haltMs).finally(() => (settling = undefined));
  };
  const timer = setInterval(look, Math.min(lookMs, longestMs / 2)).unref();

  return {
    async settled() {
      look();
      await settling;
    },
    stop: () => clearInterval(timer),
  };
}
