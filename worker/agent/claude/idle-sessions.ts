import type { LiveSession } from './session.ts';

/**
 * Idle Claude Code processes between two turns, each kept for a limited time (ms). A process that
 * dies meanwhile is dropped.
 */
export type IdleSessions = {
  /**
   * Takes out the conversation's process, if there is one. Waits for a process that is being
   * closed.
   */
  take(conversation: string): Promise<LiveSession | undefined>;
  /** Keeps a process for the conversation's next turn. */
  keep(conversation: string, live: LiveSession): Promise<void>;
  /** Closes the process kept for a conversation. */
  release(conversation: string): Promise<void>;
  /** Starts closing the least recently used process. Returns false when none is kept. */
  closeOldest(): boolean;
  /** The kept processes, oldest first. */
  kept(): LiveSession[];
  /** Closes all processes and keeps no more. */
  stop(): Promise<void>;
};

export function createIdleSessions(idleMs: number): IdleSessions {
  const idle = new Map<string, { live: LiveSession; timer: NodeJS.Timeout }>();
  const closing = new Map<string, Promise<void>>();
  let stopped = false;

  const takeOut = (conversation: string): LiveSession | undefined => {
    const entry = idle.get(conversation);
    if (!entry) return undefined;
    clearTimeout(entry.timer);
    entry.live.listen(undefined);
    idle.delete(conversation);
    return entry.live;
  };
  const release = async (conversation: string): Promise<void> => {
    const live = takeOut(conversation);
    if (live) {
      const closed = live.close().finally(() => {
        if (closing.get(conversation) === closed) closing.delete(conversation);
      });
      closing.set(conversation, closed);
    }
    await closing.get(conversation);
  };
  const releaseSoon = (conversation: string): void =>
    void release(conversation).catch(() => undefined);

  return {
    async take(conversation) {
      await closing.get(conversation);
      return takeOut(conversation);
    },
    release,
    async keep(conversation, live) {
      if (live.ended || stopped) return await live.close();
      idle.set(conversation, {
        live,
        timer: setTimeout(releaseSoon, idleMs, conversation).unref(),
      });
      live.listen({ onMessage: () => undefined, onEnd: () => releaseSoon(conversation) });
    },
    closeOldest() {
      const [oldest] = idle.keys();
      if (oldest !== undefined) releaseSoon(oldest);
      return oldest !== undefined;
    },
    kept: () => [...idle.values()].map(({ live }) => live),
    async stop() {
      stopped = true;
      await Promise.all([...idle.keys(), ...closing.keys()].map(release));
    },
  };
}
