import { FencedError } from './inbox.ts';
import type { Fence } from './inbox.ts';
import { keys } from './keys.ts';
import type { Redis } from './redis.ts';
import { runScript } from './script.ts';
import type { Script } from './script.ts';

/** How many sessions of a conversation are remembered; what Claude Code keeps of them on disk is not touched. */
const mostSessions = 50;

/** A session of Claude Code as the person sees it. `usedAt` is ms since 1970. */
export type Session = { id: string; title: string; usedAt: number };

/** The sessions of each conversation, to go back to. */
export type Sessions = {
  /** Notes that a session is used now, and that the conversation goes on with it; its title is what it was first called. Throws FencedError. */
  note(conversation: string, fence: Fence, session: Session): Promise<void>;
  /** The last used ones, newest first. */
  list(conversation: string, most: number): Promise<Session[]>;
};

const noteScript: Script = {
  name: 'sidepocketSession',
  keys: 4,
  // KEYS: lock, sessions, titles, conversation. ARGV: token, id, title, used at (ms), most.
  lua: `
    if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'fenced' end
    redis.call('HSET', KEYS[4], 'session', ARGV[2])
    redis.call('ZADD', KEYS[2], ARGV[4], ARGV[2])
    redis.call('HSETNX', KEYS[3], ARGV[2], ARGV[3])
    for _, old in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1 - tonumber(ARGV[5]))) do
      redis.call('ZREM', KEYS[2], old)
      redis.call('HDEL', KEYS[3], old)
    end
    return 'noted'`,
};

export function createSessions(redis: Redis): Sessions {
  return {
    async note(conversation, fence, { id, title, usedAt }) {
      const outcome = await runScript(redis, noteScript, [fence.lock, keys.sessions(conversation), keys.sessionTitles(conversation), keys.conversation(conversation), fence.token, id, title, usedAt, mostSessions]);
      if (outcome === 'fenced') throw new FencedError('another worker has this turn');
    },
    async list(conversation, most) {
      const used = await redis.zrevrange(keys.sessions(conversation), 0, most - 1, 'WITHSCORES');
      const ids = used.filter((_, index) => index % 2 === 0);
      if (ids.length === 0) return [];
      const titles = await redis.hmget(keys.sessionTitles(conversation), ...ids);
      return ids.map((id, index) => ({ id, title: titles[index] ?? '', usedAt: Number(used[index * 2 + 1]) }));
    },
  };
}
