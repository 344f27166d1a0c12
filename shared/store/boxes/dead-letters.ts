import { keys } from '../redis/keys.ts';
import type { Redis } from '../redis/redis.ts';
import { retentionSeconds, usualRetentionDays } from '../redis/retention.ts';
import { defineScript, runScript } from '../redis/script.ts';

/** The most entries that the dead list keeps. */
const mostDead = 1000;

/** Where a dead entry was found. */
export type DeadOrigin = 'inbox' | 'outbox' | 'failed' | 'schedules';

/**
 * Lua that puts an entry on the dead list, which lives for `lifetime` seconds from now. `now` is
 * ISO 8601.
 */
export const buryLua = `
  local function bury(dead, lifetime, now, origin, conversation, raw)
    local entry = cjson.encode({ at = now, from = origin, conversation = conversation, entry = raw })
    -- The same at the same time is the same call again, after a reply that was lost.
    if redis.call('LINDEX', dead, 0) ~= entry then redis.call('LPUSH', dead, entry) end
    redis.call('LTRIM', dead, 0, ${mostDead - 1})
    redis.call('EXPIRE', dead, lifetime)
  end`;

const buryScript = defineScript({
  name: 'sidepocketBury',
  keys: ['dead'],
  args: ['lifetimeSeconds', 'now', 'origin', 'conversation', 'entry'],
  lua: `${buryLua}
    bury(dead, lifetimeSeconds, now, origin, conversation, entry)
    return 1`,
});

/** Stored entries that this version cannot read, kept for the owner to look at. */
export type DeadLetters = {
  /** Keeps an entry; `conversation` is '' when it is not known. */
  add(origin: DeadOrigin, conversation: string, entry: string): Promise<void>;
};

/** Entries are kept for `retentionDays` after the last one. */
export function createDeadLetters(
  redis: Redis,
  retentionDays: number = usualRetentionDays,
): DeadLetters {
  return {
    async add(origin, conversation, entry) {
      const lifetimeSeconds = retentionSeconds(retentionDays);
      const args = { lifetimeSeconds, now: new Date().toISOString(), origin, conversation, entry };
      await runScript(redis, buryScript, { keys: { dead: keys.dead }, args });
    },
  };
}

/** What a person is told of their messages that cannot be read. */
export function unreadableSentence(count: number): string {
  if (count === 1)
    return 'I could not read one of your messages, so I left it out. Please send it again.';
  return `I could not read ${count} of your messages, so I left them out. Please send them again.`;
}
