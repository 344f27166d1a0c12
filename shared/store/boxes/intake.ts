import { allowedLua } from '../allowed.ts';
import { entryLua } from '../redis/entry-lua.ts';
import { keys } from '../redis/keys.ts';
import type { Message } from '../message.ts';
import type { Turns } from '../queues.ts';
import { retentionSeconds, usualRetentionDays } from '../redis/retention.ts';
import { callOf, defineScript } from '../redis/script.ts';

/**
 * A claimed id is kept at least this long (days). Twilio's signature has no date, so a webhook can
 * be replayed indefinitely.
 */
const leastClaimDays = 8;

/**
 * `new`: stored and its turn added. `duplicate`: known, and answered or in progress. `stranded`:
 * known and waiting without a turn; a turn was added now. `refused`: nothing was done, since the
 * conversation's person may not write, or was not yet allowed when the message was written.
 */
export type Stored = { outcome: 'new' | 'duplicate' | 'stranded' | 'refused'; turn: string };

/** How long the claim of an id is kept (s), where messages are kept for `retentionDays`. */
export function claimSeconds(retentionDays: number): number {
  return retentionSeconds(Math.max(retentionDays, leastClaimDays));
}

/**
 * Lua that notes when the person last wrote: this opens WhatsApp's 24-hour window. `at` is ISO
 * 8601.
 */
export const wroteLua = `
  local function noteWord(conversation, at)
    local last = redis.call('HGET', conversation, 'wroteAt')
    if not last or last < at then redis.call('HSET', conversation, 'wroteAt', at) end
  end`;

/** `elsewhere`: nothing was done, since the sender belongs to another conversation. */
export type Acceptance = Stored | { outcome: 'elsewhere'; conversation: string };

/**
 * The sender of a message: the `address` that wrote, which answers go to, and the `conversation`
 * that it presumably belongs to. `proven` are other addresses that certainly belong to the same
 * person, and become aliases. `check` is the address whose alias must not lead elsewhere. `rivals`
 * are conversations that take precedence if they exist and this one does not. `missed`: a
 * backfilled message, which may be old; it is accepted only if the person was allowed to write when
 * they wrote it.
 */
export type Sender = {
  address: string;
  conversation: string;
  proven: string[];
  rivals: string[];
  check?: string;
  missed?: true;
};

/**
 * Claims the id and appends the message, in one step. The same transaction then adds a turn named
 * after the message. A duplicate must not get a turn, and a transaction cannot branch, so for a
 * duplicate the script creates the job's key until the end of the transaction (BullMQ adds no job
 * whose id exists). The same trick keeps a turn away from a message whose sender belongs elsewhere.
 * A message on a separate channel tells the workers about the arrival.
 */
const acceptScript = defineScript({
  name: 'sidepocketAccept',
  keys: [
    'message',
    'inbox',
    'conversations',
    'job',
    'deduplication',
    'conversationKey',
    'aliases',
    'allowed',
  ],
  args: [
    'lifetimeSeconds',
    'conversation',
    'at',
    'entry',
    'channel',
    'messageId',
    'messagePrefix',
    'delayedTurns',
    'conversationPrefix',
    'senderJson',
    'dueScore',
  ],
  // `entry` is the message as JSON; `senderJson` is '' if no person sent it. `delayedTurns` is the
  // set of delayed turns, in which entries up to `dueScore` are due.
  lua: `-- derives message:*, conversation:*, turns:delayed
    ${entryLua}
    ${allowedLua}
    ${wroteLua}
    local sender = senderJson ~= '' and cjson.decode(senderJson)
    local function keepJobAway()
      if redis.call('EXISTS', job) == 0 then redis.call('HSET', job, 'placeholder', '1') end
    end
    local function elsewhere()
      local known = sender.check and redis.call('HGET', aliases, sender.check)
      if known and known ~= conversation then return known end
      for _, rival in ipairs(sender.rivals) do
        if redis.call('EXISTS', conversationKey) == 0 and redis.call('EXISTS', conversationPrefix .. rival) == 1 then
          return rival
        end
      end
    end
    local other = sender and elsewhere()
    if other then
      keepJobAway()
      return 'elsewhere ' .. other
    end
    local since = allowedSince(allowed, conversation)
    -- Twilio's list tells whole seconds: within the second of the change a message counts as earlier.
    if not since or sender and sender.missed and string.sub(at, 1, 19) < since then
      keepJobAway()
      return 'refused'
    end
    if redis.call('HSETNX', message, 'conversation', conversation) == 1 then
      redis.call('HSET', message, 'state', 'waiting', 'at', at)
      redis.call('EXPIRE', message, lifetimeSeconds)
      local last, placed = redis.call('LINDEX', inbox, -1), false
      -- A message that comes late goes before those that were said after it and that nobody has begun with.
      if last and (atOf(last) or '') > at then
        for _, raw in ipairs(redis.call('LRANGE', inbox, 0, -1)) do
          local id = idOf(raw)
          local isLater = id and (atOf(raw) or '') > at
          if not placed and isLater and redis.call('HGET', messagePrefix .. id, 'state') == 'waiting' then
            redis.call('LINSERT', inbox, 'BEFORE', raw, entry)
            placed = true
          end
        end
      end
      if not placed then redis.call('RPUSH', inbox, entry) end
      redis.call('SADD', conversations, conversation)
      if sender then
        noteWord(conversationKey, at)
        for _, alias in ipairs(sender.proven) do redis.call('HSET', aliases, alias, conversation) end
        -- Answers go to the address that wrote last; a message that comes late was not the last.
        local since = redis.call('HGET', conversationKey, 'addressAt')
        if since and since <= at or not since and sender.address ~= conversation then
          redis.call('HSET', conversationKey, 'address', sender.address, 'addressAt', at)
        end
      end
      local turn = redis.call('GET', deduplication)
      local putOff = turn and redis.call('ZSCORE', delayedTurns, turn) and true or false
      -- It looks at what has come in: at once where a worker is awake, and it wakes one where none is.
      if putOff then redis.call('ZADD', delayedTurns, 'LT', dueScore, turn) end
      local word = { kind = 'message', conversation = conversation, id = messageId, putOff = putOff }
      redis.call('PUBLISH', channel, cjson.encode(word))
      return 'new'
    end
    keepJobAway()
    local state = redis.call('HGET', message, 'state')
    local isOpen = state == 'waiting' or state == 'working'
    if isOpen and redis.call('EXISTS', deduplication) == 0 then return 'stranded' end
    return 'duplicate'`,
});

const clearPlaceholderScript = defineScript({
  name: 'sidepocketClearPlaceholder',
  keys: ['job'],
  lua: `if redis.call('HEXISTS', job, 'placeholder') == 1 then return redis.call('DEL', job) end return 0`,
});

/**
 * Stores a message, and what it reveals about its sender if a person sent it, in one atomic trip to
 * Redis. Without a sender the outcome is never `elsewhere`. Throws when Redis did not store it:
 * then it must not be acknowledged.
 */
export type Intake = {
  (message: Message): Promise<Stored>;
  (message: Message, sender: Sender): Promise<Acceptance>;
};

/** The record of a message is kept for `retentionDays`. */
export function createIntake(turns: Turns, retentionDays: number = usualRetentionDays): Intake {
  const claimLifetime = claimSeconds(retentionDays);
  const accept = async (message: Message, sender?: Sender): Promise<Acceptance> => {
    const { id, conversation, at } = message;
    const step = {
      id,
      call: callOf(acceptScript, {
        keys: {
          message: keys.message(id),
          inbox: keys.inbox(conversation),
          conversations: keys.conversations,
          job: keys.job('turns', id),
          deduplication: keys.deduplication('turns', conversation),
          conversationKey: keys.conversation(conversation),
          aliases: keys.aliases,
          allowed: keys.allowed,
        },
        args: {
          lifetimeSeconds: claimLifetime,
          conversation,
          at,
          entry: JSON.stringify(message),
          channel: keys.arrivals,
          messageId: id,
          messagePrefix: keys.message(''),
          delayedTurns: keys.delayed('turns'),
          conversationPrefix: keys.conversation(''),
          senderJson: sender ? JSON.stringify(sender) : '',
          dueScore: Math.min(Date.parse(at), Date.now()) * 0x1000,
        },
      }),
      wantsJob: (reply: unknown) => reply === 'new',
      after: callOf(clearPlaceholderScript, { keys: { job: keys.job('turns', id) } }),
    };
    const { reply, job } = await turns.runAndAdd(step, conversation);
    if (typeof reply === 'string' && reply.startsWith(elsewhere))
      return { outcome: 'elsewhere', conversation: reply.slice(elsewhere.length) };
    if (reply === 'stranded') return { outcome: 'stranded', turn: await turns.add(conversation) };
    if (reply === 'refused') return { outcome: 'refused', turn: '' };
    return { outcome: reply === 'new' ? 'new' : 'duplicate', turn: job };
  };
  // The script returns `elsewhere` only for a sender.
  return accept as Intake;
}

/** The prefix of the script's reply when it names another conversation. */
const elsewhere = 'elsewhere ';
