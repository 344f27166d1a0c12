import { z } from 'zod';
import { NotAllowedError, allowedLua } from './allowed.ts';
import { Conversation } from './conversation.ts';
import { epochLua, epochMemory } from './epoch.ts';
import { FencedError } from './inbox.ts';
import type { Fence } from './inbox.ts';
import { keys, prefix } from './keys.ts';
import { readMessage } from './message.ts';
import type { Message } from './message.ts';
import type { Redis } from './redis.ts';
import { fieldsOf, runScriptForBytes } from './script.ts';
import type { Script } from './script.ts';
import { setAsideLua } from './set-aside.ts';

/** What a turn decides by, as of one moment. */
export type Opening = {
  /** The waiting messages, oldest first. */
  messages: Message[];
  /** The entries of the inbox that cannot be read, byte by byte. */
  unreadable: Buffer[];
  /** What is remembered of the conversation. */
  conversation: Conversation;
  /** How many replies wait for the person to write. */
  parked: number;
  /** Since when the store is what it is (ISO 8601, or ''): what is older may have been answered by what it has lost. */
  since: string;
  /** How often a worker has begun with each message, by its id; this pick-up included for the one named `counted`. */
  attempts: ReadonlyMap<string, number>;
  counted: string | undefined;
};

/**
 * Reads a conversation's opening, in one trip to Redis: a turn begins with it, and looks again whenever something has
 * come in. `pickUp` names a run of the turn: the first read with it counts an attempt of the message at the head, in
 * the same step, before anything can throw. Without it nothing is counted. What a person has waiting who may not write any
 * more is set aside; then NotAllowedError is thrown. Throws FencedError.
 */
export type ReadOpening = (conversation: string, fence: Fence, pickUp?: string) => Promise<Opening>;

const openingScript: Script = {
  name: 'sidepocketOpening',
  keys: 7,
  // KEYS: lock, inbox, conversation, parked, attempts, allowed, epoch. ARGV: token, pick-up or '', prefix, conversation, now (ISO 8601), highest count of the epoch that is known.
  // Sent again after a reply that was lost it counts no second time.
  lua: `${setAsideLua}
    ${allowedLua}
    ${epochLua}
    if redis.call('GET', KEYS[1]) ~= ARGV[1] then return { 'fenced' } end
    if not allowedSince(KEYS[6], ARGV[4]) then
      setAside(ARGV[3], ARGV[4])
      return { 'not allowed' }
    end
    local inbox = redis.call('LRANGE', KEYS[2], 0, -1)
    local known = redis.call('HGET', KEYS[5], 'run') or ''
    if ARGV[2] ~= '' and string.sub(known, 1, #ARGV[2] + 1) ~= ARGV[2] .. ' ' then
      for _, raw in ipairs(inbox) do
        local id = idOf(raw)
        if id then
          redis.call('HINCRBY', KEYS[5], id, 1)
          redis.call('HSET', KEYS[5], 'run', ARGV[2] .. ' ' .. id)
          break
        end
      end
    end
    local remembered, parked = redis.call('HGETALL', KEYS[3]), redis.call('LLEN', KEYS[4])
    local since, count = epochOf(KEYS[7], ARGV[5], ARGV[6])
    return { 'open', inbox, remembered, parked, redis.call('HGETALL', KEYS[5]), since, count }`,
};

const bytes = z.instanceof(Buffer);
const text = bytes.transform(String);

const Found = z.union([
  z.tuple([text.pipe(z.literal('fenced'))]),
  z.tuple([text.pipe(z.literal('not allowed'))]),
  z.tuple([text.pipe(z.literal('open')), z.array(bytes), z.array(text), z.number(), z.array(text), text, z.number()]),
]);

/** How many entries are remembered as they were read: a long inbox is looked through again and again. */
const mostRemembered = 5000;

export function createReadOpening(redis: Redis): ReadOpening {
  const remembered = new Map<string, Message | undefined>();
  const parse = (entry: string): Message | undefined => {
    const known = remembered.get(entry);
    if (known) return known;
    if (remembered.size >= mostRemembered) remembered.clear();
    const message = readMessage(entry);
    remembered.set(entry, message);
    return message;
  };
  return async (conversation, fence, pickUp = '') => {
    const boxes = [keys.inbox(conversation), keys.conversation(conversation), keys.parked(conversation)];
    const epoch = epochMemory(redis);
    const where = [fence.lock, ...boxes, keys.attempts(conversation), keys.allowed, keys.epoch];
    const args = [...where, fence.token, pickUp, prefix, conversation, new Date().toISOString(), epoch.seen];
    const found = Found.parse(await runScriptForBytes(redis, openingScript, args));
    if (found[0] === 'fenced') throw new FencedError('another worker has this turn');
    if (found[0] === 'not allowed') throw new NotAllowedError('the person may not write any more');
    const [, inbox, fields, parked, counts, since, count] = found;
    epoch.seen = count;
    const read = inbox.map((entry) => ({ entry, message: parse(String(entry)) }));
    const { run = '', ...attempts } = fieldsOf(counts);
    const [by, counted] = run.split(' ');
    return {
      messages: read.flatMap(({ message }) => message ?? []),
      unreadable: read.flatMap(({ entry, message }) => (message ? [] : entry)),
      conversation: Conversation.parse(fieldsOf(fields)),
      parked,
      since,
      attempts: new Map(Object.entries(attempts).map(([id, count]) => [id, Number(count)])),
      counted: pickUp !== '' && by === pickUp ? counted : undefined,
    };
  };
}
