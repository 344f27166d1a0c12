import type { LiveSession } from './session.ts';

/**
 * Claude Code processes between two turns. One without work in the background is kept for a limited
 * time (ms), and its conversation has at most one of that kind; one with such work is kept as long
 * as it lasts. A process that dies meanwhile is dropped.
 */
export type IdleSessions = {
  /**
   * Takes out the conversation's process that `isWanted`, if there is one, and closes the others,
   * except those with work in the background that another session may go beside (`mayStay`). A
   * process that may not stay has ended when this returns; the others end meanwhile.
   */
  take(
    conversation: string,
    isWanted: (live: LiveSession) => boolean,
    mayStay: (live: LiveSession) => boolean,
  ): Promise<LiveSession | undefined>;
  /** Keeps a process for the conversation's next turn. */
  keep(conversation: string, live: LiveSession): Promise<void>;
  /**
   * Closes the process of a turn that failed or was stopped, beside what comes next: only a turn in
   * the same session waits until its transcript is written.
   */
  retire(conversation: string, live: LiveSession): void;
  /** The work of a kept process has changed: its time begins when nothing is left. */
  touch(live: LiveSession): void;
  /** Drops a process that has ended. */
  drop(live: LiveSession): void;
  /** Closes the processes kept for a conversation; they have ended when this returns. */
  release(conversation: string): Promise<void>;
  /**
   * Starts closing the least recently used process that has no work in the background. Returns
   * false when none is kept.
   */
  closeOldest(): boolean;
  /** The kept processes with their conversations, oldest first. */
  kept(): { conversation: string; live: LiveSession }[];
  /** Closes all processes and keeps no more. */
  stop(): Promise<void>;
};

/**
 * How long a process may take to end by itself (ms): it writes the rest of the session's transcript
 * and says what it could not save. Claude Code takes 30 to 220 ms on two busy cores.
 */
const graceMs = 1000;

/**
 * The same after a turn that failed or was stopped, whose person may write again at once (ms):
 * closed without it, nine of ten sessions lack the interruption, with it none of ten.
 */
const retireMs = 300;

type Kept = { conversation: string; live: LiveSession; timer: NodeJS.Timeout | undefined };

export function createIdleSessions(idleMs: number): IdleSessions {
  const idle = new Map<LiveSession, Kept>();
  const closing = new Map<Kept, Promise<void>>();
  let stopped = false;

  const takeOut = (live: LiveSession): void => {
    clearTimeout(idle.get(live)?.timer);
    idle.delete(live);
  };
  const close = (kept: Kept, ms: number): Promise<void> => {
    takeOut(kept.live);
    const closed = kept.live.close(ms).finally(() => closing.delete(kept));
    closing.set(kept, closed);
    return closed;
  };
  // What Claude says of work that ends during the grace is not heard, and the next process would not
  // find that work: it is ended at once, and said to be lost.
  const graceOf = ({ isBusy }: LiveSession): number => (isBusy ? 0 : graceMs);
  const closeSoon = (kept: Kept): void =>
    void close(kept, graceOf(kept.live)).catch(() => undefined);
  const arm = (kept: Kept): void => {
    clearTimeout(kept.timer);
    // What keeps it busy may pass without a change: it is looked at again.
    const look = (): void => (kept.live.isBusy ? arm(kept) : closeSoon(kept));
    kept.timer = setTimeout(look, idleMs).unref();
  };
  const keptFor = (conversation: string): Kept[] =>
    [...idle.values()].filter((kept) => kept.conversation === conversation);
  const untilClosed = async (isAwaited: (kept: Kept) => boolean): Promise<void> => {
    await Promise.all([...closing].flatMap(([kept, closed]) => (isAwaited(kept) ? [closed] : [])));
  };

  return {
    async take(conversation, isWanted, mayStay) {
      const kept = keptFor(conversation);
      const found = kept.find(({ live }) => isWanted(live));
      if (found) takeOut(found.live);
      for (const other of kept)
        if (other !== found && !(other.live.isBusy && mayStay(other.live))) closeSoon(other);
      await untilClosed((other) => other.conversation === conversation && !mayStay(other.live));
      return found?.live;
    },
    async release(conversation) {
      keptFor(conversation).forEach(closeSoon);
      await untilClosed((kept) => kept.conversation === conversation);
    },
    async keep(conversation, live) {
      if (live.ended || stopped) return await live.close(graceOf(live));
      const kept: Kept = { conversation, live, timer: undefined };
      idle.set(live, kept);
      arm(kept);
    },
    retire: (conversation, live) =>
      void close({ conversation, live, timer: undefined }, retireMs).catch(() => undefined),
    touch(live) {
      const kept = idle.get(live);
      if (kept) arm(kept);
    },
    drop(live) {
      const kept = idle.get(live);
      if (kept) closeSoon(kept);
    },
    closeOldest() {
      const oldest = [...idle.values()].find(({ live }) => !live.isBusy);
      if (oldest) closeSoon(oldest);
      return oldest !== undefined;
    },
    kept: () => [...idle.values()],
    async stop() {
      stopped = true;
      [...idle.values()].forEach(closeSoon);
      await untilClosed(() => true);
    },
  };
}
