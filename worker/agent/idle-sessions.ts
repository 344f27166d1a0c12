import type { LiveSession } from './live-session.ts';

/** Claude Code processes between two turns, at most so many and for so long (ms); the least recently used one is closed first. */
export type IdleSessions = {
  /** Takes the conversation's process out, if there is one. */
  take(conversation: string): LiveSession | undefined;
  /** Keeps a process for the conversation's next turn. */
  keep(conversation: string, live: LiveSession): Promise<void>;
  /** Closes what is kept for a conversation. */
  release(conversation: string): Promise<void>;
  /** Closes all, and keeps none any more. */
  stop(): Promise<void>;
};

export function createIdleSessions({ maxLive, idleMs }: { maxLive: number; idleMs: number }): IdleSessions {
  const idle = new Map<string, { live: LiveSession; timer: NodeJS.Timeout }>();
  let stopped = false;

  const take = (conversation: string): LiveSession | undefined => {
    const entry = idle.get(conversation);
    if (!entry) return undefined;
    clearTimeout(entry.timer);
    idle.delete(conversation);
    return entry.live;
  };
  const release = async (conversation: string): Promise<void> => {
    await take(conversation)?.close();
  };

  return {
    take,
    release,
    async keep(conversation, live) {
      if (live.ended || stopped) return await live.close();
      idle.set(conversation, { live, timer: setTimeout(() => void release(conversation), idleMs).unref() });
      for (const oldest of idle.keys()) {
        if (idle.size <= maxLive) break;
        await release(oldest);
      }
    },
    async stop() {
      stopped = true;
      await Promise.all([...idle.keys()].map(release));
    },
  };
}
