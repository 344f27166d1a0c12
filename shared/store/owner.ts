import { z } from 'zod';
import { createAllowed } from './allowed.ts';
import type { Allowed } from './allowed.ts';
import type { People } from './people.ts';
import { parseJson } from '../runtime/json.ts';
import { keys } from './redis/keys.ts';
import type { Log } from '../runtime/log.ts';
import type { Outbox } from './boxes/outbox.ts';
import type { Redis } from './redis/redis.ts';
import { runScript } from './redis/script.ts';
import { loadScript } from './redis/script-file.ts';

/** The least time between two notices to the owner about one cause (ms): an hour. */
export const ownerPauseMs = 3600_000;

/**
 * How long the last notice about a cause is shown on the dashboard, and the pause is remembered
 * (seconds): a week.
 */
const wordsSeconds = 7 * 24 * 3600;

/**
 * Notifies the owner in the chat that something needs a person. `cause` names the kind, such as
 * `memory`: at most one notice per cause and hour, and none while the last one waits for WhatsApp's
 * window. The log and the dashboard always have it. Never throws.
 */
export type TellOwner = (cause: string, text: string) => Promise<void>;

/** The last notice about a cause; `at` is ISO 8601. */
export type OwnerWord = { cause: string; at: string; text: string };

export type OwnerDeps = {
  redis: Redis;
  outbox: Pick<Outbox, 'put'>;
  log: Log;
  now?: () => number;
  /**
   * Called with the reply's id and its conversation when a notice has entered the outbox: it may be
   * sent at once.
   */
  onPut?: (reply: string, conversation: string) => Promise<void>;
};

const tellScript = loadScript(new URL('lua/tell-owner.lua', import.meta.url), {
  keys: ['told', 'words'],
  args: ['nowMs', 'cause', 'pauseMs', 'replyPrefix', 'word', 'lifetimeSeconds'],
});

export function createTellOwner({
  redis,
  outbox,
  log,
  now = Date.now,
  onPut,
}: OwnerDeps): TellOwner {
  const allowed = createAllowed(redis);
  return async (cause, text) => {
    try {
      const at = now();
      const owner = await allowed.owner();
      log.warn({ cause, owner }, 'something needs a person');
      const word = JSON.stringify({ at: new Date(at).toISOString(), text: text.toWellFormed() });
      if (owner === undefined) {
        await keepOwnerWord(redis, cause, word);
        return;
      }
      const told = await runScript(redis, tellScript, {
        keys: { told: keys.ownerTold(cause), words: keys.ownerWords },
        args: {
          nowMs: at,
          cause,
          pauseMs: ownerPauseMs,
          replyPrefix: keys.reply(''),
          word,
          lifetimeSeconds: wordsSeconds,
        },
      });
      const id = String(told);
      if (id === '') return;
      await outbox.put([{ id, conversation: owner, turn: id, text }]);
      await onPut?.(id, owner);
    } catch (error) {
      log.warn({ err: error, cause }, 'could not notify the owner');
    }
  };
}

/** Keeps a notice for the dashboard alone; `word` is JSON of its time and text. */
async function keepOwnerWord(redis: Redis, cause: string, word: string): Promise<void> {
  await redis
    .multi()
    .hset(keys.ownerWords, cause, word)
    .expire(keys.ownerWords, wordsSeconds)
    .exec();
}

/**
 * Notes for the dashboard that the worker could not start, and why. A worker that runs later makes
 * it void (`relay/admin/looks.ts`).
 */
export async function noteStartProblem(redis: Redis, reason: string, at: Date): Promise<void> {
  const text = `The worker could not start. ${reason.toWellFormed()}`;
  await keepOwnerWord(redis, 'start', JSON.stringify({ at: at.toISOString(), text }));
}

/** The owner's conversation if this is the owner's, whatever address they write from. */
export async function ownerOf(
  { allowed, people }: { allowed: Pick<Allowed, 'owner'>; people: Pick<People, 'idOf'> },
  conversation: string,
): Promise<string | undefined> {
  const owner = await allowed.owner();
  if (owner === undefined || owner === conversation) return owner;
  const [one, other] = await Promise.all([people.idOf(owner), people.idOf(conversation)]);
  return one === other ? owner : undefined;
}

const Word = z.object({ at: z.string(), text: z.string() });

/** The last notices to the owner, sent or suppressed, newest first. */
export async function readOwnerWords(redis: Redis): Promise<OwnerWord[]> {
  const words = Object.entries(await redis.hgetall(keys.ownerWords)).flatMap(([cause, raw]) => {
    const word = Word.safeParse(parseJson(raw)).data;
    return word ? [{ cause, ...word }] : [];
  });
  return words.toSorted((a, b) => b.at.localeCompare(a.at));
}
