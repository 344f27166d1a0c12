import { keys } from '../redis/keys.ts';
import type { Redis } from '../redis/redis.ts';
import { retentionSeconds, usualRetentionDays } from '../redis/retention.ts';
import { runScript } from '../redis/script.ts';
import { loadScript } from '../redis/script-file.ts';

/** The origin of a dead entry. */
export type DeadOrigin = 'inbox' | 'outbox' | 'failed' | 'schedules' | 'jobs';

const buryScript = loadScript(new URL('lua/bury.lua', import.meta.url), {
  keys: ['dead'],
  args: ['lifetimeSeconds', 'now', 'origin', 'conversation', 'entry'],
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
