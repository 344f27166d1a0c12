import { keys } from '../redis/keys.ts';
import type { Redis } from '../redis/redis.ts';
import { retentionSeconds, usualRetentionDays } from '../redis/retention.ts';
import { defineScript, runScript } from '../redis/script.ts';

/** The maximum length of the dead list. */
const mostDead = 1000;

/** The origin of a dead entry. */
export type DeadOrigin = 'inbox' | 'outbox' | 'failed' | 'schedules';

/**
 * Lua that adds an entry to the dead list and extends its expiry to `lifetime` seconds from now.
 * `now` is ISO 8601.
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

/**
 * The dead-letter list: stored entries that this version cannot read, kept for the owner to
 * inspect.
 */
export type DeadLetters = {
  /** Keeps an entry; `conversation` is '' if unknown. */
  add(origin: DeadOrigin, conversation: string, entry: string): Promise<void>;
};

/** The list expires `retentionDays` after the last entry. */
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

/** The notice to a person about their unreadable messages. */
export function unreadableSentence(count: number): string {
  if (count === 1)
    return 'I could not read one of your messages, so I left it out. Please send it again.';
  return `I could not read ${count} of your messages, so I left them out. Please send them again.`;
}
