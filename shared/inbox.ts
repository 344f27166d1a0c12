import { keys, prefix } from './keys.ts';
import { Message } from './message.ts';
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
  /** Notes that the turn has taken the messages up. Throws FencedError. */
  take(fence: Fence, ids: string[], turn: string): Promise<void>;
  /** Puts messages back at the head of the inbox, in the given order, waiting again. Those that wait already are left alone. */
  putBack(conversation: string, messages: Message[]): Promise<void>;
};

const takeScript: Script = {
  name: 'sidepocketTake',
  keys: 1,
  // KEYS: lock. ARGV: token, prefix, turn, ids…
  lua: `
    if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'fenced' end
    for i = 4, #ARGV do
      local key = ARGV[2] .. ':message:' .. ARGV[i]
      if redis.call('EXISTS', key) == 1 then redis.call('HSET', key, 'state', 'working', 'turn', ARGV[3]) end
    end
    return 'taken'`,
};

const putBackScript: Script = {
  name: 'sidepocketPutBack',
  keys: 1,
  // KEYS: inbox. ARGV: prefix, messages as JSON, last first.
  lua: `
    local waiting = {}
    for _, raw in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do waiting[cjson.decode(raw).id] = true end
    for i = 2, #ARGV do
      local id = cjson.decode(ARGV[i]).id
      if not waiting[id] then
        redis.call('LPUSH', KEYS[1], ARGV[i])
        local key = ARGV[1] .. ':message:' .. id
        if redis.call('EXISTS', key) == 1 then redis.call('HSET', key, 'state', 'waiting') end
      end
    end
    return 'back'`,
};

export function createInbox(redis: Redis): Inbox {
  return {
    async read(conversation) {
      const raw = await redis.lrange(keys.inbox(conversation), 0, -1);
      return raw.map((entry) => Message.parse(JSON.parse(entry)));
    },
    async take(fence, ids, turn) {
      const outcome = await runScript(redis, takeScript, [fence.lock, fence.token, prefix, turn, ...ids]);
      if (outcome === 'fenced') throw new FencedError('another worker has this turn');
    },
    async putBack(conversation, messages) {
      await runScript(redis, putBackScript, [keys.inbox(conversation), prefix, ...messages.toReversed().map((message) => JSON.stringify(message))]);
    },
  };
}
