import type { Log } from '../../shared/runtime/log.ts';

/** How often the clocks are looked at (ms). */
const lookMs = 1000;

/**
 * What notices that the process was halted for long: stopped by a signal, or its machine suspended.
 * Other workers may have taken over meanwhile.
 */
export type Thaw = {
  /**
   * Resolves when it is certain that this worker knows what it has lost; at once while the clocks
   * run as they should. Never rejects.
   */
  settled(): Promise<void>;
  stop(): void;
};

export type ThawParts = {
  /** A halt that is longer (ms) may have cost this worker its jobs. */
  longestMs: number;
  /** Halts all that works for this worker; the returned function lets what is left of it go on. */
  pause: () => Promise<() => void>;
  /** Asks what was taken away, and ends it. */
  ask: () => Promise<void>;
  /**
   * Times in ms by which a halt is seen: the wall clock goes on while a machine is suspended, the
   * other when the first is set back.
   */
  clocks?: (() => number)[];
  log: Log;
};

/**
 * After a jump of a clock everything is paused first; then it is asked what was taken away; only
 * then the rest goes on.
 */
export function watchThaw({
  longestMs,
  pause,
  ask,
  clocks = [Date.now, () => performance.now()],
  log,
}: ThawParts): Thaw {
  const read = (): number[] => clocks.map((clock) => clock());
  let seen = read();
  let settling: Promise<void> | undefined;

  const settle = async (haltMs: number): Promise<void> => {
    log.warn(
      { haltMs: Math.round(haltMs) },
      'this process was halted: looking which work is still its own',
    );
    const resume = await pause().catch((error: unknown) => {
      log.error({ err: error }, 'the work could not be paused');
      return () => undefined;
    });
    // The lease's next renewal asks again.
    await ask().catch((error: unknown) =>
      log.warn({ err: error }, 'could not ask which work is lost'),
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
