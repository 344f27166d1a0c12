import { z } from 'zod';
import { NotAllowedError, allowedLua } from '../allowed.ts';
import { Conversation } from '../conversation.ts';
import { epochLua, epochMemory } from '../redis/epoch.ts';
import { FencedError } from './inbox.ts';
import type { Fence } from './inbox.ts';
import { parseJson } from '../../runtime/json.ts';
import { keys, prefix } from '../redis/keys.ts';
import { readMessage } from '../message.ts';
import type { Message } from '../message.ts';
import type { Redis } from '../redis/redis.ts';
import { defineScript, fieldsOf, runScriptForBytes } from '../redis/script.ts';
import { setAsideLua } from './set-aside.ts';

/** What a turn decides by, as of one moment. */
export type Snapshot = {
  /** The waiting messages, oldest first. */
  messages: Message[];
  /** The entries of the inbox that cannot be read, byte by byte. */
  unreadable: Buffer[];
  /** What is remembered of the conversation. */
  conversation: Conversation;
  /** What was given up and can be tried again, the last at the end. */
  givenUp: Message[];
  /** How many replies wait for the person to write. */
  parked: number;
  /**
   * Since when the store is what it is (ISO 8601, or ''): what is older may have been answered by
   * what it has lost.
   */
  since: string;
  /**
   * How often a worker has begun with each message, by its id; this pick-up included for the one
   * named `counted`.
   */
  attempts: ReadonlyMap<string, number>;
  counted: string | undefined;
};

/**
 * Reads a conversation's opening, in one trip to Redis: a turn begins with it, and looks again
 * whenever something has come in. `pickUp` names a run of the turn: the first read with it counts
 * an attempt of the message at the head, in the same step, before anything can throw. Without it
 * nothing is counted. What a person has waiting who may not write any more is set aside; then
 * NotAllowedError is thrown. Throws FencedError.
 */
export type ReadSnapshot = (
  conversation: string,
  fence: Fence,
  pickUp?: string,
) => Promise<Snapshot>;

const openingScript = defineScript({
  name: 'sidepocketOpening',
  keys: ['inbox', 'conversationKey', 'parked', 'attempts', 'allowed', 'epoch'],
  args: ['pickUp', 'prefix', 'conversation', 'now', 'seen'],
  fence: 'required',
  // `seen` is the highest count of the epoch that is known. Sent again after a lost reply it counts
  // no second time.
  lua: `${setAsideLua}
    ${allowedLua}
    ${epochLua}
    if isFenced() then return { 'fenced' } end
    if not allowedSince(allowed, conversation) then
      setAside(prefix, conversation)
      return { 'not allowed' }
    end
    local entries = redis.call('LRANGE', inbox, 0, -1)
    local known = redis.call('HGET', attempts, 'run') or ''
    if pickUp ~= '' and string.sub(known, 1, #pickUp + 1) ~= pickUp .. ' ' then
      for _, raw in ipairs(entries) do
        local id = idOf(raw)
        if id then
          redis.call('HINCRBY', attempts, id, 1)
          redis.call('HSET', attempts, 'run', pickUp .. ' ' .. id)
          break
        end
      end
    end
    local remembered, parkedCount = redis.call('HGETALL', conversationKey), redis.call('LLEN', parked)
    local since, count = epochOf(epoch, now, seen)
    return { 'open', entries, remembered, parkedCount, redis.call('HGETALL', attempts), since, count }`,
});

const bytes = z.instanceof(Buffer);
const text = bytes.transform(String);

const Found = z.union([
  z.tuple([text.pipe(z.literal('fenced'))]),
  z.tuple([text.pipe(z.literal('not allowed'))]),
  z.tuple([
    text.pipe(z.literal('open')),
    z.array(bytes),
    z.array(text),
    z.number(),
    z.array(text),
    text,
    z.number(),
  ]),
]);

/**
 * How many entries are remembered as they were read: a long inbox is looked through again and
 * again.
 */
const mostRemembered = 5000;

export function createReadSnapshot(redis: Redis): ReadSnapshot {
  const parsed = new Map<string, Message | undefined>();
  const parse = (entry: string): Message | undefined => {
    const known = parsed.get(entry);
    if (known) return known;
    if (parsed.size >= mostRemembered) parsed.clear();
    const message = readMessage(entry);
    parsed.set(entry, message);
    return message;
  };
  return async (conversation, fence, pickUp = '') => {
    const epoch = epochMemory(redis);
    const reply = await runScriptForBytes(redis, openingScript, {
      fence,
      keys: {
        inbox: keys.inbox(conversation),
        conversationKey: keys.conversation(conversation),
        parked: keys.parked(conversation),
        attempts: keys.attempts(conversation),
        allowed: keys.allowed,
        epoch: keys.epoch,
      },
      args: { pickUp, prefix, conversation, now: new Date().toISOString(), seen: epoch.seen },
    });
    const found = Found.parse(reply);
    if (found[0] === 'fenced') throw new FencedError('another worker has this turn');
    if (found[0] === 'not allowed') throw new NotAllowedError('the person may not write any more');
    const [, inbox, fields, parked, counts, since, count] = found;
    epoch.seen = count;
    const remembered = fieldsOf(fields);
    const read = inbox.map((entry) => ({ entry, message: parse(String(entry)) }));
    const { run = '', ...attempts } = fieldsOf(counts);
    const [by, counted] = run.split(' ');
    return {
      messages: read.flatMap(({ message }) => message ?? []),
      unreadable: read.flatMap(({ entry, message }) => (message ? [] : entry)),
      conversation: Conversation.parse(remembered),
      givenUp: entriesOf(remembered['failed']).flatMap((entry) => parse(entry) ?? []),
      parked,
      since,
      attempts: new Map(Object.entries(attempts).map(([id, count]) => [id, Number(count)])),
      counted: pickUp !== '' && by === pickUp ? counted : undefined,
    };
  };
}

/** The entries of a list that is kept as JSON. */
function entriesOf(list: string | undefined): string[] {
  const entries = parseJson(list ?? '[]');
  return Array.isArray(entries) ? entries.map(String) : [];
}
