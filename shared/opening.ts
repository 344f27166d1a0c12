import { z } from 'zod';
import { Conversation } from './conversation.ts';
import { keys } from './keys.ts';
import { Message } from './message.ts';
import type { Redis } from './redis.ts';
import { fieldsOf, runScript } from './script.ts';
import type { Script } from './script.ts';

/** What a turn decides by, as of one moment: the waiting messages, oldest first, what is remembered of the conversation, and how many replies wait for the person to write. */
export type Opening = { messages: Message[]; conversation: Conversation; parked: number };

/** Reads a conversation's opening, in one trip to Redis: a turn begins with it, and looks again whenever something has come in. */
export type ReadOpening = (conversation: string) => Promise<Opening>;

const openingScript: Script = {
  name: 'sidepocketOpening',
  keys: 3,
  // KEYS: inbox, conversation, parked.
  lua: `return { redis.call('LRANGE', KEYS[1], 0, -1), redis.call('HGETALL', KEYS[2]), redis.call('LLEN', KEYS[3]) }`,
};

const Found = z.tuple([z.array(z.string()), z.array(z.string()), z.number()]);

export function createReadOpening(redis: Redis): ReadOpening {
  return async (conversation) => {
    const [inbox, fields, parked] = Found.parse(await runScript(redis, openingScript, [keys.inbox(conversation), keys.conversation(conversation), keys.parked(conversation)]));
    return { messages: inbox.map((entry) => Message.parse(JSON.parse(entry))), conversation: Conversation.parse(fieldsOf(fields)), parked };
  };
}
