import type { Log } from '../../../shared/runtime/log.ts';
import type { LiveSession } from './session.ts';
import type { Wanted } from './start.ts';
import type { PrewarmedProcess } from './prewarmed-process.ts';

/** The spare that is kept ready for the next new session, when there is room for one. */
export type Prewarmed = {
  /** How many there are or are being started: 0 or 1. */
  count(): number;
  /**
   * Makes the spare, if there is one, the process of a new session; undefined when none serves it.
   */
  claim(wanted: Wanted): Promise<LiveSession | undefined>;
  /** Something has begun or ended. When nothing more does for a while, a spare is started. */
  stir(): void;
  /** Begins to close it. Returns false when there is none. */
  drop(): boolean;
  stop(): Promise<void>;
};

export type PrewarmedDeps = {
  /** Starts one; aborting breaks the start off. */
  start: (starting: AbortController) => Promise<PrewarmedProcess>;
  /**
   * How long nothing may have begun or ended before one is started (ms): it must not compete with a
   * session's own start. Undefined, none is kept.
   */
  calmMs: number | undefined;
  hasRoom: () => boolean;
  log: Log;
};

export function createPrewarmed({ start, calmMs, hasRoom, log }: PrewarmedDeps): Prewarmed {
  let spare: Promise<PrewarmedProcess | undefined> | undefined;
  let starting: AbortController | undefined;
  const closing = new Set<Promise<void>>();
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;

  const close = async (given: Promise<PrewarmedProcess | undefined>): Promise<void> => {
    await (await given)?.close();
  };
  const drop = (): boolean => {
    if (!spare) return false;
    starting?.abort();
    const closed = close(spare)
      .catch((error: unknown) => log.warn({ err: error }, 'a spare process was not closed'))
      .finally(() => closing.delete(closed));
    closing.add(closed);
    spare = undefined;
    return true;
  };
  const begin = (): void => {
    if (stopped || spare || !hasRoom()) return;
    const breakOff = new AbortController();
    const made = start(breakOff)
      .catch((error: unknown) => {
        if (!breakOff.signal.aborted) log.warn({ err: error }, 'no spare process could be started');
        return undefined;
      })
      // From here on it is closed, not broken off.
      .finally(() => {
        if (starting === breakOff) starting = undefined;
      });
    spare = made;
    starting = breakOff;
    const dropIfDead = async (): Promise<void> => {
      await (
        await made
      )?.exited;
      if (spare === made) drop();
    };
    void dropIfDead();
  };

  return {
    count: () => (spare ? 1 : 0),
    async claim(wanted) {
      const taken = spare;
      spare = undefined;
      try {
        return await (await taken)?.claim(wanted);
      } catch (error) {
        log.info(
          { err: error },
          'the spare process does not serve this session; another is started',
        );
        return undefined;
      }
    },
    stir() {
      clearTimeout(timer);
      if (calmMs !== undefined && !stopped) timer = setTimeout(begin, calmMs).unref();
    },
    drop,
    async stop() {
      stopped = true;
      clearTimeout(timer);
      drop();
      await Promise.all(closing);
    },
  };
}
