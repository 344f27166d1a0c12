import type { Log } from '../../../shared/runtime/log.ts';
import type { Home } from '../homes/home.ts';
import type { LiveSession } from './session.ts';
import type { Wanted } from './start.ts';
import type { PrewarmedProcess } from './prewarmed-process.ts';

/**
 * The prewarmed process that is kept for the next new session, when there is room for one: in the
 * home of the person who was last at work, since a process runs as one person's user from its
 * start.
 */
export type Prewarmed = {
  /** The number of prewarmed processes, starting or ready: 0 or 1. */
  count(): number;
  /** Whether the prewarmed process is in this home. */
  isIn(home: Home): boolean;
  /**
   * Assigns the prewarmed process to a new session in its home; undefined without one, or if it
   * does not fit.
   */
  claim(wanted: Wanted): Promise<LiveSession | undefined>;
  /**
   * Reports that a process of this home has started or ended. After a calm period a prewarmed
   * process is started there; one of another home makes way for it.
   */
  stir(home: Home): void;
  /** Starts closing it. Returns false without one. */
  drop(): boolean;
  stop(): Promise<void>;
};

export type PrewarmedDeps = {
  /** Starts a prewarmed process; aborting cancels the start. */
  start: (home: Home, starting: AbortController) => Promise<PrewarmedProcess>;
  /**
   * How long nothing may have started or ended before a process is prewarmed (ms): it must not
   * compete with a session's own start. Undefined disables prewarming.
   */
  calmMs: number | undefined;
  hasRoom: () => boolean;
  log: Log;
};

export function createPrewarmed({ start, calmMs, hasRoom, log }: PrewarmedDeps): Prewarmed {
  let current: Promise<PrewarmedProcess | undefined> | undefined;
  let homeDirectory: string | undefined;
  let starting: AbortController | undefined;
  const closing = new Set<Promise<void>>();
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;

  const close = async (given: Promise<PrewarmedProcess | undefined>): Promise<void> => {
    await (await given)?.close();
  };
  const drop = (): boolean => {
    if (!current) return false;
    starting?.abort();
    const closed = close(current)
      .catch((error: unknown) => log.warn({ err: error }, 'prewarmed process not closed'))
      .finally(() => closing.delete(closed));
    closing.add(closed);
    current = undefined;
    return true;
  };
  const begin = (home: Home): void => {
    if (stopped || (current && homeDirectory === home.directory)) return;
    drop();
    if (!hasRoom()) return;
    const breakOff = new AbortController();
    const made = start(home, breakOff)
      .catch((error: unknown) => {
        if (!breakOff.signal.aborted) log.warn({ err: error }, 'prewarming a process failed');
        return undefined;
      })
      // Once started, it is closed rather than aborted.
      .finally(() => {
        if (starting === breakOff) starting = undefined;
      });
    current = made;
    homeDirectory = home.directory;
    starting = breakOff;
    const dropIfDead = async (): Promise<void> => {
      await (
        await made
      )?.exited;
      if (current === made) drop();
    };
    void dropIfDead();
  };

  return {
    count: () => (current ? 1 : 0),
    isIn: ({ directory }) => current !== undefined && homeDirectory === directory,
    async claim(wanted) {
      const taken = current;
      current = undefined;
      try {
        return await (await taken)?.claim(wanted);
      } catch (error) {
        log.info({ err: error }, 'prewarmed process does not fit this session; starting another');
        return undefined;
      }
    },
    stir(home) {
      clearTimeout(timer);
      if (calmMs !== undefined && !stopped) timer = setTimeout(begin, calmMs, home).unref();
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
