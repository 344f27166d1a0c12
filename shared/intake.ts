import { allowedLua } from './allowed.ts';
import { entryLua } from './entry-lua.ts';
import { keys } from './keys.ts';
import type { Message } from './message.ts';
import type { Turns } from './queues.ts';
import { retentionSeconds, usualRetentionDays } from './retention.ts';
import type { Script } from './script.ts';

/** A claimed id is remembered at least this long (days). Twilio's signature has no date, so a webhook can be replayed for ever. */
const leastClaimDays = 8;

/**
 * `new`: stored and its turn added. `duplicate`: known, and either answered or on its way. `stranded`: known and waiting, but no turn was
 * going to take it up; one was added now. `refused`: nothing was done, since the conversation's person may not write, or not yet when the message was written.
 */
export type Stored = { outcome: 'new' | 'duplicate' | 'stranded' | 'refused'; turn: string };

/** How long the claim of an id is remembered (s), where what was said is kept for `retentionDays`. */
export function claimSeconds(retentionDays: number): number {
  return retentionSeconds(Math.max(retentionDays, leastClaimDays));
}

/** Lua that notes when the person has written last: WhatsApp's 24-hour window is open from then on. `at` is ISO 8601. */
export const wroteLua = `
  local function noteWord(conversation, at)
    local last = redis.call('HGET', conversation, 'wroteAt')
    if not last or last < at then redis.call('HSET', conversation, 'wroteAt', at) end
  end`;

/** `elsewhere`: nothing was done, since the sender belongs to another conversation. */
export type Acceptance = Stored | { outcome: 'elsewhere'; conversation: string };

/**
 * Who sent a message: the `address` that wrote, which answers go to, and the `conversation` that it is thought to belong to. `proven` are other addresses that are certainly the
 * same person's, and become aliases. `check` is the address whose alias must not lead elsewhere. `rivals` are conversations that come first if they exist and this one does not. `missed`: the message was
 * asked for and may be old; it is taken only if the person was allowed to write when they wrote it.
 */
export type Sender = { address: string; conversation: string; proven: string[]; rivals: string[]; check?: string; missed?: true };

/**
 * Claims the id and appends the message, in one step. The same transaction then adds a turn named after the message. A duplicate must not get
 * one, and a transaction cannot branch, so for a duplicate the job's key is made to exist (BullMQ adds no job whose id exists) until
 * the end of the transaction. The same keeps one away from a message whose sender belongs elsewhere. A message on a channel of its own tells the workers that there is more.
 */
const acceptScript: Script = {
  name: 'sidepocketAccept',
  keys: 8,
  // KEYS: message, inbox, conversations, job, turn's deduplication, conversation, aliases, allowed. ARGV: lifetime, conversation, at, message as JSON, channel, id, prefix of the message keys,
  // turns that are put off, prefix of the conversation keys, the sender as JSON or '', a score that is due.
  lua: `-- derives message:*, conversation:*, turns:delayed
    ${entryLua}
    ${allowedLua}
    ${wroteLua}
    local sender = ARGV[10] ~= '' and cjson.decode(ARGV[10])
    local function keepJobAway()
      if redis.call('EXISTS', KEYS[4]) == 0 then redis.call('HSET', KEYS[4], 'placeholder', '1') end
    end
    local function elsewhere()
      local known = sender.check and redis.call('HGET', KEYS[7], sender.check)
      if known and known ~= ARGV[2] then return known end
      for _, rival in ipairs(sender.rivals) do
        if redis.call('EXISTS', KEYS[6]) == 0 and redis.call('EXISTS', ARGV[9] .. rival) == 1 then return rival end
      end
    end
    local other = sender and elsewhere()
    if other then
      keepJobAway()
      return 'elsewhere ' .. other
    end
    local since = allowedSince(KEYS[8], ARGV[2])
    -- Twilio's list tells whole seconds: within the second of the change a message counts as earlier.
    if not since or sender and sender.missed and string.sub(ARGV[3], 1, 19) < since then
      keepJobAway()
      return 'refused'
    end
    if redis.call('HSETNX', KEYS[1], 'conversation', ARGV[2]) == 1 then
      redis.call('HSET', KEYS[1], 'state', 'waiting', 'at', ARGV[3])
      redis.call('EXPIRE', KEYS[1], ARGV[1])
      local last, placed = redis.call('LINDEX', KEYS[2], -1), false
      -- A message that comes late goes before those that were said after it and that nobody has begun with.
      if last and (atOf(last) or '') > ARGV[3] then
        for _, raw in ipairs(redis.call('LRANGE', KEYS[2], 0, -1)) do
          local id = idOf(raw)
          if not placed and id and (atOf(raw) or '') > ARGV[3] and redis.call('HGET', ARGV[7] .. id, 'state') == 'waiting' then
            redis.call('LINSERT', KEYS[2], 'BEFORE', raw, ARGV[4])
            placed = true
          end
        end
      end
      if not placed then redis.call('RPUSH', KEYS[2], ARGV[4]) end
      redis.call('SADD', KEYS[3], ARGV[2])
      if sender then
        noteWord(KEYS[6], ARGV[3])
        for _, alias in ipairs(sender.proven) do redis.call('HSET', KEYS[7], alias, ARGV[2]) end
        -- Answers go to the address that wrote last; a message that comes late was not the last.
        local since = redis.call('HGET', KEYS[6], 'addressAt')
        if since and since <= ARGV[3] or not since and sender.address ~= ARGV[2] then
          redis.call('HSET', KEYS[6], 'address', sender.address, 'addressAt', ARGV[3])
        end
      end
      local turn = redis.call('GET', KEYS[5])
      local putOff = turn and redis.call('ZSCORE', ARGV[8], turn) and true or false
      -- It looks at what has come in: at once where a worker is awake, and it wakes one where none is.
      if putOff then redis.call('ZADD', ARGV[8], 'LT', ARGV[11], turn) end
      redis.call('PUBLISH', ARGV[5], cjson.encode({ kind = 'message', conversation = ARGV[2], id = ARGV[6], putOff = putOff }))
      return 'new'
    end
    keepJobAway()
    local state = redis.call('HGET', KEYS[1], 'state')
    if (state == 'waiting' or state == 'working') and redis.call('EXISTS', KEYS[5]) == 0 then return 'stranded' end
    return 'duplicate'`,
};

const clearPlaceholderScript: Script = {
  name: 'sidepocketClearPlaceholder',
  keys: 1,
  lua: `if redis.call('HEXISTS', KEYS[1], 'placeholder') == 1 then return redis.call('DEL', KEYS[1]) end return 0`,
};

/**
 * Takes a message in, in one atomic trip to Redis, and with it what it tells of its sender, if a person sent it. Without a sender it is never `elsewhere`.
 * Throws when Redis did not take it: then it must not be acknowledged.
 */
export type Intake = {
  (message: Message): Promise<Stored>;
  (message: Message, sender: Sender): Promise<Acceptance>;
};

/** What is known of a message is kept for `retentionDays`. */
export function createIntake(turns: Turns, retentionDays: number = usualRetentionDays): Intake {
  const claimLifetime = claimSeconds(retentionDays);
  const accept = async (message: Message, sender?: Sender): Promise<Acceptance> => {
    const { id, conversation, at } = message;
    const step = {
      id,
      script: acceptScript,
      args: [
        keys.message(id), keys.inbox(conversation), keys.conversations, keys.job('turns', id), keys.deduplication('turns', conversation), keys.conversation(conversation), keys.aliases, keys.allowed,
        claimLifetime, conversation, at, JSON.stringify(message), keys.arrivals, id, keys.message(''), keys.delayed('turns'), keys.conversation(''), sender ? JSON.stringify(sender) : '',
        Math.min(Date.parse(at), Date.now()) * 0x1000,
      ],
      wantsJob: (reply: unknown) => reply === 'new',
      after: { script: clearPlaceholderScript, args: [keys.job('turns', id)] },
    };
    const { reply, job } = await turns.runAndAdd(step, conversation);
    if (typeof reply === 'string' && reply.startsWith(elsewhere)) return { outcome: 'elsewhere', conversation: reply.slice(elsewhere.length) };
    if (reply === 'stranded') return { outcome: 'stranded', turn: await turns.add(conversation) };
    if (reply === 'refused') return { outcome: 'refused', turn: '' };
    return { outcome: reply === 'new' ? 'new' : 'duplicate', turn: job };
  };
  // The script says `elsewhere` only of a sender.
  return accept as Intake;
}

/** How the script begins when it names another conversation. */
const elsewhere = 'elsewhere ';
