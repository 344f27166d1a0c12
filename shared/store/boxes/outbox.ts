import { z } from 'zod';
import { NotAllowedError, allowedLua } from '../allowed.ts';
import { buryLua } from './dead-letters.ts';
import { entryLua } from '../redis/entry-lua.ts';
import { FencedError } from './inbox.ts';
import type { Fence } from './inbox.ts';
import { toJson } from '../../runtime/json.ts';
import { keys, prefix } from '../redis/keys.ts';
import { isScheduledId } from '../message.ts';
import type { MessageState } from '../message.ts';
import { forgottenBefore, keepLua } from './given-up.ts';
import { callKey, idempotentLua } from '../redis/idempotent.ts';
import { insertLua } from './outbox-order.ts';
import type { Deliveries } from '../queues.ts';
import type { Redis } from '../redis/redis.ts';
import type { NewReply } from '../reply.ts';
import { retentionSeconds, usualRetentionDays } from '../redis/retention.ts';
import { callOf, defineScript, runScript } from '../redis/script.ts';
import type { ScriptInput } from '../redis/script.ts';
import { priceOf, recordLua } from '../spend.ts';
import type { SpendEntry } from '../spend.ts';

/** Messages that reach their final state in the same step that puts their reply. */
export type Settlement = {
  conversation: string;
  ids: string[];
  state: Extract<MessageState, 'answered' | 'failed'>;
  /** The ids that `retry` can bring back. */
  kept?: string[];
  /** Unreadable entries of the inbox, unchanged: they go to the dead list. */
  unreadable?: Buffer[];
  /**
   * The answer's cost; counted once, even if the fence has passed to another worker: the money is
   * spent.
   */
  price?: SpendEntry;
};

/** The number of new replies, and of messages left in the inbox. */
export type Put = { added: number; left: number };

/** A conversation's outgoing replies, in order. */
export type Outbox = {
  /**
   * Appends replies of one conversation in order and ensures that a delivery job exists. Skips a
   * reply whose id exists. With a settlement, the messages that they answer leave the inbox in the
   * same atomic step, so a message is never answered twice and never loses its answer. Throws
   * FencedError when another worker holds the fence, and NotAllowedError when a turn would answer a
   * person who may no longer write.
   */
  put(replies: NewReply[], fence?: Fence, settlement?: Settlement): Promise<Put>;
  /** Whether a reply with this id was ever put. */
  has(id: string): Promise<boolean>;
  /** How many replies a turn has put so far. */
  countOf(turn: string): Promise<number>;
  /**
   * Withdraws replies that were sent `aside` and are still waiting: those of one turn, or of all if
   * `turn` is undefined. Safe to repeat. Returns how many replies it withdrew. Throws FencedError.
   */
  withdraw(fence: Fence, conversation: string, turn?: string): Promise<number>;
  /** Ensures that the outbox has a delivery job. */
  deliver(conversation: string): Promise<void>;
};

const putScript = defineScript({
  name: 'sidepocketPut',
  keys: ['outbox', 'conversations', 'inbox', 'conversationKey', 'attempts', 'dead', 'allowed'],
  args: [
    'prefix',
    'lifetimeSeconds',
    'conversation',
    'now',
    'replies',
    'settledIds',
    'state',
    'price',
    'keptIds',
    'forgottenBefore',
  ],
  rest: 'unreadable',
  fence: 'optional',
  // The replies and the ids are JSON; `state` applies to the settled ids, of which `retry` can
  // bring back the `keptIds`. Messages given up before `forgottenBefore` are dropped. The price may
  // be ''.
  lua: `-- derives reply:*, turn-replies:*, message:*, given-up, spend:*, spend-answer:*
    ${recordLua}
    ${allowedLua}
    ${insertLua}
    ${entryLua}
    ${buryLua}
    ${keepLua}
    if price ~= '' then record(price) end
    if isFenced() then return 'fenced' end
    if token ~= '' and not allowedSince(allowed, conversation) then return 'not allowed' end
    local new = 0
    for _, reply in ipairs(cjson.decode(replies)) do
      local key = prefix .. ':reply:' .. reply.id
      if redis.call('HSETNX', key, 'id', reply.id) == 1 then
        local seq = redis.call('HINCRBY', conversationKey, 'said', 1)
        redis.call('HSET', key, 'conversation', conversation, 'turn', reply.turn, 'text', reply.text,
          'at', now, 'status', 'waiting', 'seq', seq)
        for _, field in ipairs({ 'file', 'template', 'choices', 'session', 'urgent', 'aside', 'tick', 'saidAt' }) do
          if reply[field] ~= '' then redis.call('HSET', key, field, reply[field]) end
        end
        -- It lives until it is sent, and for its lifetime from then on.
        if reply.urgent == '' then
          redis.call('RPUSH', outbox, reply.id)
        else
          insert(outbox, prefix .. ':reply:', reply.id)
        end
        local ofTurn = prefix .. ':turn-replies:' .. reply.turn
        redis.call('RPUSH', ofTurn, reply.id)
        redis.call('EXPIRE', ofTurn, lifetimeSeconds)
        new = new + 1
      end
    end
    redis.call('SADD', conversations, conversation)
    local settled = {}
    for _, id in ipairs(cjson.decode(settledIds)) do
      settled[id] = true
      local key = prefix .. ':message:' .. id
      if redis.call('EXISTS', key) == 1 then redis.call('HSET', key, 'state', state) end
      redis.call('HDEL', attempts, id)
    end
    local wanted, kept = {}, {}
    for _, id in ipairs(cjson.decode(keptIds)) do wanted[id] = true end
    -- From the head, where they nearly always are, no further than the last of them.
    local from, missing = 0, 0
    for _ in pairs(settled) do missing = missing + 1 end
    while missing > 0 do
      local entries, gone = redis.call('LRANGE', inbox, from, from + 49), 0
      for _, raw in ipairs(entries) do
        local id = idOf(raw)
        if id and settled[id] and redis.call('LREM', inbox, 1, raw) > 0 then
          gone, missing, settled[id] = gone + 1, missing - 1, nil
          if wanted[id] then kept[#kept + 1] = raw end
        end
      end
      if #entries < 50 then break end
      from = from + 50 - gone
    end
    if #kept > 0 or (next(settled) and redis.call('HEXISTS', conversationKey, 'failed') == 1) then
      keep(conversationKey, dead, conversation, kept, cjson.decode(replies)[1], now, forgottenBefore, lifetimeSeconds)
    end
    for _, raw in ipairs(unreadable) do
      if redis.call('LREM', inbox, 1, raw) > 0 then bury(dead, lifetimeSeconds, now, 'inbox', conversation, raw) end
    end
    local left = redis.call('LLEN', inbox)
    if left == 0 then redis.call('DEL', attempts) end
    return { new, left }`,
});

const withdrawScript = defineScript({
  name: 'sidepocketWithdraw',
  keys: ['outbox', 'call'],
  args: ['replyPrefix', 'onlyTurn', 'lifetimeSeconds'],
  fence: 'required',
  // All turns if `onlyTurn` is ''. A reply that is being posted stays: Twilio may have it.
  lua: `-- derives reply:*
    ${idempotentLua}
    if isFenced() then return 'fenced' end
    return once(call, function()
      local count = 0
      for _, id in ipairs(redis.call('LRANGE', outbox, 0, -1)) do
        local fields = redis.pcall('HMGET', replyPrefix .. id, 'status', 'aside', 'turn')
        if fields.err then fields = {} end
        local status, aside, turn = unpack(fields, 1, 3)
        if status == 'waiting' and aside and (onlyTurn == '' or turn == onlyTurn) then
          redis.call('LREM', outbox, 1, id)
          redis.call('HSET', replyPrefix .. id, 'status', 'withdrawn')
          redis.call('EXPIRE', replyPrefix .. id, lifetimeSeconds)
          count = count + 1
        end
      end
      return count
    end)`,
});

const Outcome = z.tuple([z.number(), z.number()]);

/** Replies and their ledgers are kept for `retentionDays`. */
export function createOutbox(
  redis: Redis,
  deliveries: Deliveries,
  retentionDays: number = usualRetentionDays,
): Outbox {
  return {
    async put(replies, fence, settlement) {
      const conversation = replies[0]?.conversation ?? settlement?.conversation;
      if (conversation === undefined) return { added: 0, left: 0 };
      const input: ScriptInput<typeof putScript> = {
        fence,
        keys: {
          outbox: keys.outbox(conversation),
          conversations: keys.conversations,
          inbox: keys.inbox(conversation),
          conversationKey: keys.conversation(conversation),
          attempts: keys.attempts(conversation),
          dead: keys.dead,
          allowed: keys.allowed,
        },
        args: {
          prefix,
          lifetimeSeconds: retentionSeconds(retentionDays),
          conversation,
          now: new Date().toISOString(),
          replies: JSON.stringify(replies.map((reply) => storedForm(reply, tickOf(settlement)))),
          settledIds: JSON.stringify(settlement?.ids ?? []),
          state: settlement?.state ?? '',
          price: (settlement?.price && priceOf(settlement.price)) ?? '',
          keptIds: JSON.stringify(settlement?.kept ?? []),
          forgottenBefore: forgottenBefore(Date.now(), retentionDays),
        },
        rest: settlement?.unreadable ?? [],
      };
      const outcome =
        replies.length > 0
          ? (await deliveries.runAndAdd({ call: callOf(putScript, input) }, conversation)).reply
          : await runScript(redis, putScript, input);
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
      const outcome = await runScript(redis, withdrawScript, {
        fence,
        keys: { outbox: keys.outbox(conversation), call: callKey() },
        args: {
          replyPrefix: keys.reply(''),
          onlyTurn: turn,
          lifetimeSeconds: retentionSeconds(retentionDays),
        },
      });
      if (outcome === 'fenced') throw new FencedError('another worker has this turn');
      return Number(outcome);
    },
    async deliver(conversation) {
      await deliveries.add(conversation);
    },
  };
}

/** A reply as the script takes it: '' stands for a missing field. */
function storedForm(reply: NewReply, tick: string): Record<string, string> {
  const {
    id,
    turn,
    text,
    file,
    choices,
    template = '',
    session = '',
    urgent,
    aside,
    saidAt = '',
  } = reply;
  return {
    id,
    turn,
    text: text.toWellFormed(),
    template,
    session,
    file: asJson(file),
    choices: asJson(choices),
    urgent: urgent ? '1' : '',
    aside: aside ? '1' : '',
    tick,
    saidAt,
  };
}

/** The schedule run that an answer is for, if it answers nothing else. */
function tickOf(settlement: Settlement | undefined): string {
  const [id = '', ...others] = settlement?.ids ?? [];
  return others.length === 0 && isScheduledId(id) ? id : '';
}

function asJson(value: object | undefined): string {
  return value ? toJson(value) : '';
}
