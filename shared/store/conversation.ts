import { z } from 'zod';
import { FencedError } from './boxes/inbox.ts';
import type { Fence } from './boxes/inbox.ts';
import { keys } from './redis/keys.ts';
import type { Redis } from './redis/redis.ts';
import { defineScript, runScript } from './redis/script.ts';

/** A field of the hash; one that was emptied counts as missing. */
const field = z.preprocess((value) => value || undefined, z.string().optional());

/** What is remembered of a conversation between turns. */
export const Conversation = z.object({
  /** The address that wrote last, where it is not the conversation's own. */
  address: field,
  /** Claude Code's session that the next turn goes on with. */
  session: field,
  /** The person's time zone (IANA name), once they have said it. */
  timezone: field,
  /** When the person has written last (ISO 8601). */
  wroteAt: field,
  /**
   * The model that the person has chosen, and what needs their leave; else what the configuration
   * says.
   */
  model: field,
  permissions: field,
  /** Set when the person wants to see each step. */
  verbose: field,
  /**
   * What the person has granted on top of the day's budget: the day (`YYYY-MM-DD`), a blank, and US
   * dollars.
   */
  granted: field,
  /**
   * What of the project's own programs the person has agreed to, as JSON: `yes`, `no`, `told` or
   * `off` by the digest of what would run.
   */
  trusted: field,
  /** What the running turn has asked the person, as JSON. */
  questions: field,
  /** What became of the last questions, and what the person has allowed always, each as JSON. */
  settled: field,
  allowed: field,
});
export type Conversation = z.infer<typeof Conversation>;

/** What a turn can find out; '' empties a field. */
export type Change = Partial<Record<keyof Conversation, string>>;

export type Conversations = {
  read(conversation: string): Promise<Conversation>;
  /** Stores what a turn has found out. Throws FencedError when another worker has the turn. */
  write(conversation: string, fence: Fence, change: Change): Promise<void>;
};

const writeScript = defineScript({
  name: 'sidepocketConversation',
  keys: ['conversationKey'],
  rest: 'fields',
  fence: 'required',
  // In `fields` each is followed by its value.
  lua: `
    if isFenced() then return 'fenced' end
    for i = 1, #fields, 2 do
      redis.call('HSET', conversationKey, fields[i], fields[i + 1])
    end
    return 'written'`,
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
