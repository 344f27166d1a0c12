import { z } from 'zod';
import { NotAllowedError, allowedLua } from './allowed.ts';
import { buryLua } from './dead-letters.ts';
import { entryLua } from './entry-lua.ts';
import { FencedError } from './inbox.ts';
import type { Fence } from './inbox.ts';
import { toJson } from './json.ts';
import { keys, prefix } from './keys.ts';
import { isScheduledId } from './message.ts';
import type { MessageState } from './message.ts';
import { forgottenBefore, keepLua } from './given-up.ts';
import { callKey, onceLua } from './once.ts';
import { insertLua } from './outbox-order.ts';
import type { Deliveries } from './queues.ts';
import type { Redis } from './redis.ts';
import type { NewReply } from './reply.ts';
import { retentionSeconds, usualRetentionDays } from './retention.ts';
import { runScript } from './script.ts';
import type { Script } from './script.ts';
import { priceOf, recordLua } from './spend.ts';
import type { SpendEntry } from './spend.ts';

/** Messages that get their final state in the same step as their reply is put. */
export type Settlement = {
  conversation: string;
  ids: string[];
  state: Extract<MessageState, 'answered' | 'failed'>;
  /** Those of the ids that `retry` can bring back. */
  kept?: string[];
  /** Entries of the inbox that cannot be read, as they are: they go to the dead list. */
  unreadable?: Buffer[];
  /** What the answer has cost; counted once, and also when the fence's holder is somebody else now: it is spent all the same. */
  price?: SpendEntry;
};

/** How many replies were new, and how many messages the inbox still holds. */
export type Put = { added: number; left: number };

/** A conversation's replies on their way out, in order. */
export type Outbox = {
  /**
   * Puts replies of one conversation at the end, in order, and makes sure that somebody delivers them. A reply whose id is known already is not put
   * again. With a settlement, the messages that they answer leave the inbox in the same atomic step, so a message is never
   * answered twice and never left without its answer. Throws FencedError when the fence's holder is somebody else now, and NotAllowedError when a turn
   * would answer a person who may not write any more.
   */
  put(replies: NewReply[], fence?: Fence, settlement?: Settlement): Promise<Put>;
  /** Whether a reply with this id was ever put. */
  has(id: string): Promise<boolean>;
  /** How many replies a turn has put so far. */
  countOf(turn: string): Promise<number>;
  /**
   * Takes back what was said aside and is not on its way yet: of one turn, or of all where `turn` is undefined. Safe to repeat.
   * Returns how many replies that were. Throws FencedError.
   */
  withdraw(fence: Fence, conversation: string, turn?: string): Promise<number>;
  /** Makes sure that somebody delivers what is in the outbox. */
  deliver(conversation: string): Promise<void>;
};

const putScript: Script = {
  name: 'sidepocketPut',
  keys: 8,
  // KEYS: lock, outbox, conversations, inbox, conversation, attempts, dead, allowed. ARGV: token or '', prefix, lifetime, conversation, now, replies as JSON, settled ids as JSON, their state, price or '',
  // ids that are kept for `retry` as JSON, the time before which what was given up is forgotten, unreadable entries…
  lua: `-- derives reply:*, turn-replies:*, message:*, given-up, spend:*, spend-answer:*
    ${recordLua}
    ${allowedLua}
    ${insertLua}
    ${entryLua}
    ${buryLua}
    ${keepLua}
    if ARGV[9] ~= '' then record(ARGV[9]) end
    if ARGV[1] ~= '' and redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'fenced' end
    if ARGV[1] ~= '' and not allowedSince(KEYS[8], ARGV[4]) then return 'not allowed' end
    local new = 0
    for _, reply in ipairs(cjson.decode(ARGV[6])) do
      local key = ARGV[2] .. ':reply:' .. reply.id
      if redis.call('HSETNX', key, 'id', reply.id) == 1 then
        redis.call('HSET', key, 'conversation', ARGV[4], 'turn', reply.turn, 'text', reply.text, 'at', ARGV[5], 'status', 'waiting', 'seq', redis.call('HINCRBY', KEYS[5], 'said', 1))
        for _, field in ipairs({ 'file', 'template', 'choices', 'session', 'urgent', 'aside', 'tick', 'saidAt' }) do
          if reply[field] ~= '' then redis.call('HSET', key, field, reply[field]) end
        end
        -- It lives until it is sent, and for its lifetime from then on.
        if reply.urgent == '' then redis.call('RPUSH', KEYS[2], reply.id) else insert(KEYS[2], ARGV[2] .. ':reply:', reply.id) end
        local ofTurn = ARGV[2] .. ':turn-replies:' .. reply.turn
        redis.call('RPUSH', ofTurn, reply.id)
        redis.call('EXPIRE', ofTurn, ARGV[3])
        new = new + 1
      end
    end
    redis.call('SADD', KEYS[3], ARGV[4])
    local settled = {}
    for _, id in ipairs(cjson.decode(ARGV[7])) do
      settled[id] = true
      local key = ARGV[2] .. ':message:' .. id
      if redis.call('EXISTS', key) == 1 then redis.call('HSET', key, 'state', ARGV[8]) end
      redis.call('HDEL', KEYS[6], id)
    end
    local wanted, kept = {}, {}
    for _, id in ipairs(cjson.decode(ARGV[10])) do wanted[id] = true end
    -- From the head, where they nearly always are, no further than the last of them.
    local from, missing = 0, 0
    for _ in pairs(settled) do missing = missing + 1 end
    while missing > 0 do
      local entries, gone = redis.call('LRANGE', KEYS[4], from, from + 49), 0
      for _, raw in ipairs(entries) do
        local id = idOf(raw)
        if id and settled[id] and redis.call('LREM', KEYS[4], 1, raw) > 0 then
          gone, missing, settled[id] = gone + 1, missing - 1, nil
          if wanted[id] then kept[#kept + 1] = raw end
        end
      end
      if #entries < 50 then break end
      from = from + 50 - gone
    end
    if #kept > 0 or (next(settled) and redis.call('HEXISTS', KEYS[5], 'failed') == 1) then
      keep(KEYS[5], KEYS[7], ARGV[4], kept, cjson.decode(ARGV[6])[1], ARGV[5], ARGV[11], ARGV[3])
    end
    for i = 12, #ARGV do
      if redis.call('LREM', KEYS[4], 1, ARGV[i]) > 0 then bury(KEYS[7], ARGV[3], ARGV[5], 'inbox', ARGV[4], ARGV[i]) end
    end
    local left = redis.call('LLEN', KEYS[4])
    if left == 0 then redis.call('DEL', KEYS[6]) end
    return { new, left }`,
};

const withdrawScript: Script = {
  name: 'sidepocketWithdraw',
  keys: 3,
  // KEYS: lock, outbox, call. ARGV: token, prefix of the reply keys, turn or '', lifetime. What is being posted stays: Twilio may have it.
  lua: `-- derives reply:*
    ${onceLua}
    if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'fenced' end
    return once(KEYS[3], function()
      local count = 0
      for _, id in ipairs(redis.call('LRANGE', KEYS[2], 0, -1)) do
        local fields = redis.pcall('HMGET', ARGV[2] .. id, 'status', 'aside', 'turn')
        if fields.err then fields = {} end
        local status, aside, turn = unpack(fields, 1, 3)
        if status == 'waiting' and aside and (ARGV[3] == '' or turn == ARGV[3]) then
          redis.call('LREM', KEYS[2], 1, id)
          redis.call('HSET', ARGV[2] .. id, 'status', 'withdrawn')
          redis.call('EXPIRE', ARGV[2] .. id, ARGV[4])
          count = count + 1
        end
      end
      return count
    end)`,
};

const Outcome = z.tuple([z.number(), z.number()]);

/** Replies and their ledgers are kept for `retentionDays`. */
export function createOutbox(redis: Redis, deliveries: Deliveries, retentionDays: number = usualRetentionDays): Outbox {
  return {
    async put(replies, fence, settlement) {
      const conversation = replies[0]?.conversation ?? settlement?.conversation;
      if (conversation === undefined) return { added: 0, left: 0 };
      const args = [
        fence?.lock ?? keys.conversations, keys.outbox(conversation), keys.conversations, keys.inbox(conversation), keys.conversation(conversation), keys.attempts(conversation), keys.dead, keys.allowed,
        fence?.token ?? '', prefix, retentionSeconds(retentionDays), conversation, new Date().toISOString(),
        JSON.stringify(replies.map(({ id, turn, text, file, choices, template = '', session = '', urgent, aside, saidAt = '' }) => ({
          id, turn, text: text.toWellFormed(), template, session, file: asJson(file), choices: asJson(choices), urgent: urgent ? '1' : '', aside: aside ? '1' : '', tick: tickOf(settlement), saidAt,
        }))),
        JSON.stringify(settlement?.ids ?? []), settlement?.state ?? '', (settlement?.price && priceOf(settlement.price)) ?? '',
        JSON.stringify(settlement?.kept ?? []), forgottenBefore(Date.now(), retentionDays), ...(settlement?.unreadable ?? []),
      ];
      const outcome = replies.length > 0 ? (await deliveries.runAndAdd({ script: putScript, args }, conversation)).reply : await runScript(redis, putScript, args);
      if (outcome === 'fenced') throw new FencedError('another worker has this turn');
      if (outcome === 'not allowed') throw new NotAllowedError('the person may not write any more');
      const [added, left] = Outcome.parse(outcome);
      return { added, left };
    },
    async has(id) {
      return (await redis.exists(keys.reply(id))) === 1;
    },
    countOf: (turn) => redis.llen(keys.turnReplies(turn)),
    async withdraw(fence, conversation, turn = '') {
      const outcome = await runScript(redis, withdrawScript, [fence.lock, keys.outbox(conversation), callKey(), fence.token, keys.reply(''), turn, retentionSeconds(retentionDays)]);
      if (outcome === 'fenced') throw new FencedError('another worker has this turn');
      return Number(outcome);
    },
    async deliver(conversation) {
      await deliveries.add(conversation);
    },
  };
}

/** The run of a schedule that an answer is to, if it is to nothing else. */
function tickOf(settlement: Settlement | undefined): string {
  const [id = '', ...others] = settlement?.ids ?? [];
  return others.length === 0 && isScheduledId(id) ? id : '';
}

function asJson(value: object | undefined): string {
  return value ? toJson(value) : '';
}
