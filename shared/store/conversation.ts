import { z } from 'zod';
import { FencedError } from './boxes/inbox.ts';
import type { Fence } from './boxes/inbox.ts';
import { parseJson } from '../runtime/json.ts';
import { isTimeZone } from '../runtime/time-zone.ts';
import { keys } from './redis/keys.ts';
import type { Redis } from './redis/redis.ts';
import { runScript } from './redis/script.ts';
import { loadScript } from './redis/script-file.ts';

/** A field of the hash; an empty string counts as missing. */
const field = z.preprocess((value) => value || undefined, z.string().optional());

/** The stored state of a conversation between turns. */
export const Conversation = z.object({
  /** The address that wrote last, if it is not the conversation's own. */
  address: field,
  /** The Claude Code session that the next turn resumes. */
  session: field,
  /** The last message that began a fresh session with its text (`/new TEXT`). */
  anew: field,
  /**
   * The session that the next fresh one follows, because the API refuses its history; cleared with
   * the first answer.
   */
  follows: field,
  /** The session is forgotten from this message on; cleared when that is done. */
  rewind: field,
  /** What was taken back or brought back since Claude last heard from the person, in words for Claude. */
  undone: field /** When sessions were renewed for that, and for which messages, as JSON. */,
  renewals: field,
  /** The person's time zone (IANA name), once known; an unknown one counts as missing. */
  timezone: z.preprocess(
    (value) => (typeof value === 'string' && isTimeZone(value) ? value : undefined),
    z.string().optional(),
  ),
  /** When the person last wrote (ISO 8601). */
  wroteAt: field,
  /**
   * The model and the permission mode that the person has chosen; otherwise the configuration's.
   */
  model: field,
  permissions: field,
  /** The effort that the person has chosen; otherwise the model's own. */
  effort: field,
  /** Set when the person wants to see each step. */
  verbose: field,
  /**
   * What the person has granted on top of the day's budget: the day (`YYYY-MM-DD`), a space, and US
   * dollars.
   */
  granted: field,
  /**
   * The person's consent to run the project's own programs, as JSON: `yes`, `no`, `told` or `off`
   * by the digest of what would run.
   */
  trusted: field,
  /** The questions of the running turn, as JSON. */
  questions: field,
  /** The outcome of the last questions, and the person's permanent permissions, each as JSON. */
  settled: field,
  allowed: field,
  /** The newest reply with choices, and when something else was said after it (ISO 8601). */
  offered: field,
  offeredUntil: field,
  /** The answers that are still to be spoken, as JSON. */
  unspoken: field,
});
export type Conversation = z.infer<typeof Conversation>;

/** What every version stores of a turn's open question. */
const Waiting = z.object({
  turn: z.string(),
  open: z.object({ text: z.string(), labels: z.array(z.string()) }),
});

/**
 * The question with which a turn waits for the person, from the conversation's stored value;
 * undefined when it does not wait. `labels` are the answers to choose from.
 */
export function waitingQuestion(
  stored: string | undefined,
  turn: string,
): { text: string; labels: string[] } | undefined {
  const { data } = Waiting.safeParse(parseJson(stored ?? ''));
  return data?.turn === turn ? data.open : undefined;
}

/** The changes a turn can make; '' clears a field. */
export type Change = Partial<Record<keyof Conversation, string>>;

export type Conversations = {
  read(conversation: string): Promise<Conversation>;
  /** Stores a turn's changes. Throws FencedError when another worker holds the turn. */
  write(conversation: string, fence: Fence, change: Change): Promise<void>;
};

const writeScript = loadScript(new URL('lua/conversation.lua', import.meta.url), {
  keys: ['conversationKey'],
  rest: 'fields',
  fence: 'required',
});

export function createConversations(redis: Redis): Conversations {
  return {
    async read(conversation) {
      return Conversation.parse(await redis.hgetall(keys.conversation(conversation)));
    },
    async write(conversation, fence, change) {
      const outcome = await runScript(redis, writeScript, {
        fence,
        keys: { conversationKey: keys.conversation(conversation) },
        rest: Object.entries(change).flat(),
      });
      if (outcome === 'fenced') throw new FencedError('another worker has this turn');
    },
  };
}
