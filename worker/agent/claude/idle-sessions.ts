import type { LiveSession } from './session.ts';

/**
 * Claude Code processes between two turns. One without work in the background is kept for a limited
 * time (ms), and its conversation has at most one of that kind; one with such work is kept as long
 * as it lasts. A process that dies meanwhile is dropped.
 */
export type IdleSessions = {
  /**
   * Takes out the conversation's process that `isWanted`, if there is one, and closes the others,
   * except those with work in the background that another session may go beside (`mayStay`). Waits
   * for processes that are being closed.
   */
  take(
    conversation: string,
    isWanted: (live: LiveSession) => boolean,
    mayStay: (live: LiveSession) => boolean,
  ): Promise<LiveSession | undefined>;
  /** Keeps a process for the conversation's next turn. */
  keep(conversation: string, live: LiveSession): Promise<void>;
  /** The work of a kept process has changed: its time begins when nothing is left. */
  touch(live: LiveSession): void;
  /** Drops a process that has ended. */
  drop(live: LiveSession): void;
  /** Closes the processes kept for a conversation. */
  release(conversation: string): Promise<void>;
  /**
   * Starts closing the least recently used process that has no work in the background. Returns
   * false when none is kept.
   */
  closeOldest(): boolean;
  /** The kept processes, oldest first. */
  kept(): LiveSession[];
  /** Closes all processes and keeps no more. */
  stop(): Promise<void>;
};

/** How long an idle process may take to end by itself (ms), and to say what it could not save. */
const graceMs = 1000;

type Kept = { conversation: string; live: LiveSession; timer: NodeJS.Timeout | undefined };

export function createIdleSessions(idleMs: number): IdleSessions {
  const idle = new Map<LiveSession, Kept>();
  const closing = new Map<string, Set<Promise<void>>>();
  let stopped = false;

  const takeOut = (live: LiveSession): void => {
    clearTimeout(idle.get(live)?.timer);
    idle.delete(live);
  };
  const close = async ({ conversation, live }: Kept, ms = 0): Promise<void> => {
    takeOut(live);
    const all = closing.get(conversation) ?? new Set();
    closing.set(conversation, all);
    const closed = live.close(ms).finally(() => {
      all.delete(closed);
      if (all.size === 0) closing.delete(conversation);
    });
    all.add(closed);
    await closed;
  };
  const closeSoon = (kept: Kept): void => void close(kept, graceMs).catch(() => undefined);
  const arm = (kept: Kept): void => {
    clearTimeout(kept.timer);
    kept.timer = kept.live.isBusy ? undefined : setTimeout(closeSoon, idleMs, kept).unref();
  };
  const keptFor = (conversation: string): Kept[] =>
    [...idle.values()].filter((kept) => kept.conversation === conversation);
  const settle = async (conversation: string): Promise<void> =>
    void (await Promise.all(closing.get(conversation) ?? []));

  return {
    async take(conversation, isWanted, mayStay) {
      await settle(conversation);
      const kept = keptFor(conversation);
      const found = kept.find(({ live }) => isWanted(live));
      if (found) takeOut(found.live);
      const others = kept.filter(
        (other) => other !== found && !(other.live.isBusy && mayStay(other.live)),
      );
      await Promise.all(others.map((other) => close(other)));
      return found?.live;
    },
    async release(conversation) {
      await Promise.all(keptFor(conversation).map((kept) => close(kept)));
      await settle(conversation);
    },
    async keep(conversation, live) {
      if (live.ended || stopped) return await live.close();
      const kept: Kept = { conversation, live, timer: undefined };
      idle.set(live, kept);
      arm(kept);
    },
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
    kept: () => [...idle.keys()],
    async stop() {
      stopped = true;
      await Promise.all([...idle.values()].map((kept) => close(kept, graceMs)));
      await Promise.all([...closing.keys()].map(settle));
    },
  };
}
