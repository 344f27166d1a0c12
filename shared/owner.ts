import { z } from 'zod';
import { createAllowed } from './allowed.ts';
import { parseJson } from './json.ts';
import { keys } from './keys.ts';
import type { Log } from './log.ts';
import type { Outbox } from './outbox.ts';
import type { Redis } from './redis.ts';
import { runScript } from './script.ts';
import type { Script } from './script.ts';

/** How often the owner hears of one cause at most (ms): once an hour. */
export const ownerPauseMs = 3600_000;

/** How long the last word about a cause is shown on the dashboard, and the pause is remembered (seconds): a week. */
const wordsSeconds = 7 * 24 * 3600;

/**
 * Tells the owner in the chat that something needs a person. `cause` names the kind of it, such as `memory`: of each the owner hears once an hour at most, and
 * not again while the last word waits for WhatsApp's window. The log and the dashboard have it in any case. Never throws.
 */
export type TellOwner = (cause: string, text: string) => Promise<void>;

/** What was last said about a cause; `at` is ISO 8601. */
export type OwnerWord = { cause: string; at: string; text: string };

export type OwnerParts = {
  redis: Redis;
  outbox: Pick<Outbox, 'put'>;
  log: Log;
  now?: () => number;
  /** Called with the reply's id when a word has entered the outbox: it may be sent at once. */
  onPut?: (reply: string) => Promise<void>;
};

const tellScript: Script = {
  name: 'sidepocketTellOwner',
  keys: 2,
  // KEYS: what was told of this cause, the last words. ARGV: now (ms), cause, pause (ms), prefix of the reply keys, word as JSON, lifetime.
  // Returns the id of the reply to put, or ''. A death between this and the put is mended by the next call: the reply is not there.
  lua: `-- derives reply:*
    redis.call('HSET', KEYS[2], ARGV[2], ARGV[5])
    redis.call('EXPIRE', KEYS[2], ARGV[6])
    local reply, at = unpack(redis.call('HMGET', KEYS[1], 'reply', 'at'))
    if reply then
      local status = redis.call('HGET', ARGV[4] .. reply, 'status')
      local isRecent = tonumber(ARGV[1]) - tonumber(at) < tonumber(ARGV[3])
      if isRecent and not status then return reply end
      if isRecent or status == 'waiting' or status == 'posting' or status == 'parked' then return '' end
    end
    local id = 'owner.' .. ARGV[2] .. '.' .. ARGV[1]
    redis.call('HSET', KEYS[1], 'reply', id, 'at', ARGV[1])
    redis.call('EXPIRE', KEYS[1], ARGV[6])
    return id`,
};

export function createTellOwner({ redis, outbox, log, now = Date.now, onPut }: OwnerParts): TellOwner {
  const allowed = createAllowed(redis);
  return async (cause, text) => {
    try {
      const at = now();
      const owner = await allowed.owner();
      log.warn({ cause, owner }, 'something needs a person');
      const word = JSON.stringify({ at: new Date(at).toISOString(), text: text.toWellFormed() });
      if (owner === undefined) {
        await redis.multi().hset(keys.ownerWords, cause, word).expire(keys.ownerWords, wordsSeconds).exec();
        return;
      }
      const id = String(await runScript(redis, tellScript, [keys.ownerTold(cause), keys.ownerWords, at, cause, ownerPauseMs, keys.reply(''), word, wordsSeconds]));
      if (id === '') return;
      await outbox.put([{ id, conversation: owner, turn: id, text }]);
      await onPut?.(id);
    } catch (error) {
      log.warn({ err: error, cause }, 'the owner was not told');
    }
  };
}

const Word = z.object({ at: z.string(), text: z.string() });

/** What the owner was last told, or would have been, the newest first. */
export async function readOwnerWords(redis: Redis): Promise<OwnerWord[]> {
  const words = Object.entries(await redis.hgetall(keys.ownerWords)).flatMap(([cause, raw]) => {
    const word = Word.safeParse(parseJson(raw)).data;
    return word ? [{ cause, ...word }] : [];
  });
  return words.toSorted((a, b) => b.at.localeCompare(a.at));
}
