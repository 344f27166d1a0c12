import { bringBackLua } from './bring-back.ts';
import { keys, prefix } from './keys.ts';
import { Message } from './message.ts';
import type { TurnData } from './queues.ts';
import type { Redis } from './redis.ts';
import { runScript } from './script.ts';
import type { Script } from './script.ts';

/**
 * Proof that the caller still works a job: BullMQ's lock on it and the token that the lock must hold. A worker that was
 * declared dead and another that took its job over have different tokens, so only one of them can change anything.
 */
export type Fence = { lock: string; token: string };

/** Thrown when a fenced step found that another worker has the job now. The caller stops without a trace. */
export class FencedError extends Error {
  override name = 'FencedError';
}

/** A conversation's messages on their way to Claude. They leave it when their answer is put into the outbox, in the same step. */
export type Inbox = {
  /** The waiting messages, oldest first. */
  read(conversation: string): Promise<Message[]>;
  /** Notes that the turn has taken the messages up, and in its job what it has taken up so far. Throws FencedError. */
  take(fence: Fence, ids: string[], turn: string, data: TurnData): Promise<void>;
  /**
   * Brings the messages of the turn that was given up last back to the head of the inbox, and takes out the message that asked for it, in one
   * atomic step. Returns how many came back; with 0 nothing has changed. Throws FencedError.
   */
  bringBack(fence: Fence, conversation: string, askedBy: string): Promise<number>;
};

const takeScript: Script = {
  name: 'sidepocketTake',
  keys: 2,
  // KEYS: lock, job. ARGV: token, prefix, turn, the job's data as JSON, ids…
  lua: `
    if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'fenced' end
    -- What BullMQ's own updateData does, which would be another trip.
    if redis.call('EXISTS', KEYS[2]) == 1 then redis.call('HSET', KEYS[2], 'data', ARGV[4]) end
    for i = 5, #ARGV do
      local key = ARGV[2] .. ':message:' .. ARGV[i]
      if redis.call('EXISTS', key) == 1 then redis.call('HSET', key, 'state', 'working', 'turn', ARGV[3]) end
    end
    return 'taken'`,
};

const bringBackScript: Script = {
  name: 'sidepocketBringBack',
  keys: 3,
  // KEYS: lock, inbox, conversation. ARGV: token, prefix, id of the message that asked.
  lua: `${bringBackLua}
    if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'fenced' end
    if redis.call('HEXISTS', KEYS[3], 'failed') == 0 then return 0 end
    for _, raw in ipairs(redis.call('LRANGE', KEYS[2], 0, -1)) do
      if cjson.decode(raw).id == ARGV[3] then redis.call('LREM', KEYS[2], 1, raw) end
    end
    redis.call('HSET', ARGV[2] .. ':message:' .. ARGV[3], 'state', 'answered')
    return bringBack(ARGV[2], KEYS[2], KEYS[3], nil)`,
};

export function createInbox(redis: Redis): Inbox {
  return {
    async read(conversation) {
      const raw = await redis.lrange(keys.inbox(conversation), 0, -1);
      return raw.map((entry) => Message.parse(JSON.parse(entry)));
    },
    async take(fence, ids, turn, data) {
      const outcome = await runScript(redis, takeScript, [fence.lock, keys.job('turns', turn), fence.token, prefix, turn, JSON.stringify(data), ...ids]);
      if (outcome === 'fenced') throw new FencedError('another worker has this turn');
    },
    async bringBack(fence, conversation, askedBy) {
      const outcome = await runScript(redis, bringBackScript, [fence.lock, keys.inbox(conversation), keys.conversation(conversation), fence.token, prefix, askedBy]);
      if (outcome === 'fenced') throw new FencedError('another worker has this turn');
      return Number(outcome);
    },
  };
}
