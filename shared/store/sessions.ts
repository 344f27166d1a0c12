import { FencedError } from './boxes/inbox.ts';
import type { Fence } from './boxes/inbox.ts';
import { keys } from './redis/keys.ts';
import type { Redis } from './redis/redis.ts';
import { runScript } from './redis/script.ts';
import { loadScript } from './redis/script-file.ts';

/**
 * How many sessions of a conversation are remembered; Claude Code's own files on disk are not
 * touched.
 */
const mostSessions = 50;

/** A Claude Code session as shown to the person. `usedAt` is ms since 1970. */
export type Session = { id: string; title: string; usedAt: number };

/** The sessions of each conversation, for going back to them. */
export type Sessions = {
  /**
   * Notes that a session is used now, and that the conversation continues in it; it keeps its first
   * title. Throws FencedError.
   */
  note(conversation: string, fence: Fence, session: Session): Promise<void>;
  /** The most recently used sessions, newest first. */
  list(conversation: string, most: number): Promise<Session[]>;
};

const noteScript = loadScript(new URL('lua/session.lua', import.meta.url), {
  keys: ['sessions', 'titles', 'conversationKey'],
  args: ['id', 'title', 'usedAtMs', 'most'],
  fence: 'required',
});

export function createSessions(redis: Redis): Sessions {
  return {
    async note(conversation, fence, { id, title, usedAt }) {
      const outcome = await runScript(redis, noteScript, {
        fence,
        keys: {
          sessions: keys.sessions(conversation),
          titles: keys.sessionTitles(conversation),
          conversationKey: keys.conversation(conversation),
        },
        args: { id, title, usedAtMs: usedAt, most: mostSessions },
      });
      if (outcome === 'fenced') throw new FencedError('another worker has this turn');
    },
    async list(conversation, most) {
      const used = await redis.zrevrange(keys.sessions(conversation), 0, most - 1, 'WITHSCORES');
      const ids = used.filter((_, index) => index % 2 === 0);
      if (ids.length === 0) return [];
      const titles = await redis.hmget(keys.sessionTitles(conversation), ...ids);
      return ids.map((id, index) => ({
        id,
        title: titles[index] ?? '',
        usedAt: Number(used[index * 2 + 1]),
      }));
    },
  };
}
