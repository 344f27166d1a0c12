import { FencedError } from './inbox.ts';
import type { Fence } from './inbox.ts';
import { keys, prefix } from './keys.ts';
import type { MessageState } from './message.ts';
import type { Deliveries } from './queues.ts';
import type { Redis } from './redis.ts';
import { Reply } from './reply.ts';
import type { NewReply } from './reply.ts';
import { retentionSeconds, usualRetentionDays } from './retention.ts';
import { runScript } from './script.ts';
import type { Script } from './script.ts';

/** Messages that get their final state in the same step as their reply is put. */
export type Settlement = {
  conversation: string;
  ids: string[];
  state: Extract<MessageState, 'answered' | 'failed'>;
};

/** A conversation's replies on their way out, in order. */
export type Outbox = {
  /**
   * Puts replies of one conversation at the end, in order, and makes sure that somebody delivers them. A reply whose id is known already is not put
   * again. With a settlement, the messages that they answer leave the inbox in the same atomic step, so a message is never
   * answered twice and never left without its answer. Returns how many were new. Throws FencedError when the fence's holder is somebody else now.
   */
  put(replies: NewReply[], fence?: Fence, settlement?: Settlement): Promise<number>;
  /** The reply to deliver next, with its ledger; undefined when nothing is left. */
  head(conversation: string): Promise<Reply | undefined>;
  /** Whether a reply with this id was ever put. */
  has(id: string): Promise<boolean>;
  /** Makes sure that somebody delivers what is in the outbox. */
  deliver(conversation: string): Promise<void>;
};

const putScript: Script = {
  name: 'sidepocketPut',
  keys: 5,
  // KEYS: lock, outbox, conversations, inbox, conversation. ARGV: token or '', prefix, lifetime, conversation, now, replies as JSON, settled ids as JSON, their state.
  lua: `
    if ARGV[1] ~= '' and redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'fenced' end
    local new = 0
    for _, reply in ipairs(cjson.decode(ARGV[6])) do
      local key = ARGV[2] .. ':reply:' .. reply.id
      if redis.call('HSETNX', key, 'id', reply.id) == 1 then
        redis.call('HSET', key, 'conversation', ARGV[4], 'turn', reply.turn, 'text', reply.text, 'at', ARGV[5], 'status', 'waiting', 'seq', redis.call('HINCRBY', KEYS[5], 'said', 1))
        for _, field in ipairs({ 'file', 'template', 'choices', 'session' }) do
          if reply[field] ~= '' then redis.call('HSET', key, field, reply[field]) end
        end
        redis.call('EXPIRE', key, ARGV[3])
        redis.call('RPUSH', KEYS[2], reply.id)
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
    end
    if next(settled) then
      for _, raw in ipairs(redis.call('LRANGE', KEYS[4], 0, -1)) do
        if settled[cjson.decode(raw).id] then redis.call('LREM', KEYS[4], 1, raw) end
      end
    end
    return new`,
};

/** Replies and their ledgers are kept for `retentionDays`. */
export function createOutbox(redis: Redis, deliveries: Deliveries, retentionDays: number = usualRetentionDays): Outbox {
  return {
    async put(replies, fence, settlement) {
      const conversation = replies[0]?.conversation ?? settlement?.conversation;
      if (conversation === undefined) return 0;
      const args = [
        fence?.lock ?? keys.conversations, keys.outbox(conversation), keys.conversations, keys.inbox(conversation), keys.conversation(conversation),
        fence?.token ?? '', prefix, retentionSeconds(retentionDays), conversation, new Date().toISOString(),
        JSON.stringify(replies.map(({ id, turn, text, file, choices, template = '', session = '' }) => ({ id, turn, text, template, session, file: asJson(file), choices: asJson(choices) }))),
        JSON.stringify(settlement?.ids ?? []), settlement?.state ?? '',
      ];
      const outcome = replies.length > 0 ? (await deliveries.runAndAdd({ script: putScript, args }, conversation)).reply : await runScript(redis, putScript, args);
      if (outcome === 'fenced') throw new FencedError('another worker has this turn');
      return Number(outcome);
    },
    async head(conversation) {
      for (let id = await redis.lindex(keys.outbox(conversation), 0); id; id = await redis.lindex(keys.outbox(conversation), 0)) {
        const reply = Reply.safeParse(await redis.hgetall(keys.reply(id)));
        if (reply.success) return reply.data;
        // Forgotten after its lifetime, or not ours: it must not hold up what follows.
        await redis.lrem(keys.outbox(conversation), 1, id);
      }
      return undefined;
    },
    async has(id) {
      return (await redis.exists(keys.reply(id))) === 1;
    },
    async deliver(conversation) {
      await deliveries.add(conversation);
    },
  };
}

function asJson(value: object | undefined): string {
  return value ? JSON.stringify(value) : '';
}
