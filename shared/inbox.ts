import { bringBackLua } from './bring-back.ts';
import { forgottenBefore, readGivenUp } from './given-up.ts';
import type { GivenUp } from './given-up.ts';
import { keys, prefix } from './keys.ts';
import { readMessage } from './message.ts';
import type { Message, MessageState } from './message.ts';
import { callKey, onceLua } from './once.ts';
import type { TurnData } from './queues.ts';
import type { Redis } from './redis.ts';
import { usualRetentionDays } from './retention.ts';
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
  /** The waiting messages, oldest first, all or those whose entries match; what cannot be read is left out. */
  read(conversation: string, matching?: RegExp): Promise<Message[]>;
  /** How many entries wait, those that cannot be read included. */
  size(conversation: string): Promise<number>;
  /**
   * Notes that the turn has taken the messages up, `attempts` says how often with this time, and in its job what it has taken up so far. Throws FencedError.
   */
  take(fence: Fence, turn: string, data: TurnData, attempts: ReadonlyMap<string, number>): Promise<void>;
  /** Notes in the job and with the messages how often each was begun with, for those whose attempt was none. Throws FencedError. */
  recount(fence: Fence, turn: string, data: TurnData, attempts: ReadonlyMap<string, number>): Promise<void>;
  /** Adds a line to the turn's log, or notes what it is doing, for those who look at it. Throws FencedError. */
  note(fence: Fence, turn: string, conversation: string, note: { log?: string; doing?: string }): Promise<void>;
  /** What the conversation's turns gave up and can be tried again, the last first. */
  givenUp(conversation: string): Promise<GivenUp[]>;
  /**
   * Brings messages that were given up back to the head of the inbox, and takes out the message that asked for it, in one
   * atomic step. Returns how many came back; with 0 nothing has changed. Throws FencedError.
   */
  bringBack(fence: Fence, conversation: string, askedBy: string, ids: string[]): Promise<number>;
};

/** What is written to a turn's job. */
type TurnWrite = { data?: TurnData; state?: MessageState; attempts?: ReadonlyMap<string, number>; log?: string; doing?: string };

/** The one door to a turn's job beside BullMQ's own moves, which ask for the lock as well. It does what BullMQ's updateData, log and updateProgress do. */
const turnScript: Script = {
  name: 'sidepocketTurn',
  keys: 4,
  // KEYS: lock, job, attempts, the job's log. ARGV: token, prefix, turn, the job's data as JSON or '', the messages' state or '', a line of the log or '', what it is doing as JSON or '', id, attempts, …
  lua: `
    -- derives message:*
    if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'fenced' end
    if redis.call('EXISTS', KEYS[2]) == 1 then
      if ARGV[4] ~= '' then redis.call('HSET', KEYS[2], 'data', ARGV[4]) end
      if ARGV[7] ~= '' then redis.call('HSET', KEYS[2], 'progress', ARGV[7]) end
      -- A line begins with its time: the same once more is this call again, after a reply that was lost.
      if ARGV[6] ~= '' and redis.call('LINDEX', KEYS[4], -1) ~= ARGV[6] then redis.call('RPUSH', KEYS[4], ARGV[6]) end
    end
    for i = 8, #ARGV, 2 do
      if ARGV[i + 1] == '0' then redis.call('HDEL', KEYS[3], ARGV[i]) else redis.call('HSET', KEYS[3], ARGV[i], ARGV[i + 1]) end
      local key = ARGV[2] .. ':message:' .. ARGV[i]
      if ARGV[5] ~= '' and redis.call('EXISTS', key) == 1 then redis.call('HSET', key, 'state', ARGV[5], 'turn', ARGV[3]) end
    end
    return 'written'`,
};

const bringBackScript: Script = {
  name: 'sidepocketBringBack',
  keys: 4,
  // KEYS: lock, inbox, conversation, call. ARGV: token, prefix, id of the message that asked, ids that are wanted as JSON.
  lua: `-- derives message:*
    ${bringBackLua}
    ${onceLua}
    if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'fenced' end
    return once(KEYS[4], function()
      local count = bringBack(ARGV[2], KEYS[2], KEYS[3], ARGV[4])
      if count == 0 then return 0 end
      for _, raw in ipairs(redis.call('LRANGE', KEYS[2], 0, -1)) do
        if idOf(raw) == ARGV[3] then redis.call('LREM', KEYS[2], 1, raw) end
      end
      redis.call('HSET', ARGV[2] .. ':message:' .. ARGV[3], 'state', 'answered')
      return count
    end)`,
};

/** What was given up is kept for `retentionDays`. */
export function createInbox(redis: Redis, retentionDays: number = usualRetentionDays): Inbox {
  const write = async (fence: Fence, turn: string, conversation: string, { data, state, attempts = new Map(), log, doing }: TurnWrite): Promise<void> => {
    const where = [fence.lock, keys.job('turns', turn), keys.attempts(conversation), keys.jobLog('turns', turn)];
    const outcome = await runScript(redis, turnScript, [
      ...where, fence.token, prefix, turn, data ? JSON.stringify(data) : '', state ?? '', log ?? '', doing === undefined ? '' : JSON.stringify(doing), ...[...attempts].flat(),
    ]);
    if (outcome === 'fenced') throw new FencedError('another worker has this turn');
  };
  return {
    async read(conversation, matching) {
      const raw = await redis.lrange(keys.inbox(conversation), 0, -1);
      return (matching ? raw.filter((entry) => matching.test(entry)) : raw).flatMap((entry) => readMessage(entry) ?? []);
    },
    size: (conversation) => redis.llen(keys.inbox(conversation)),
    take: (fence, turn, data, attempts) => write(fence, turn, data.conversation, { data, attempts, state: 'working' }),
    recount: (fence, turn, data, attempts) => write(fence, turn, data.conversation, { data, attempts }),
    note: write,
    givenUp: (conversation) => readGivenUp(redis, conversation, forgottenBefore(Date.now(), retentionDays)),
    async bringBack(fence, conversation, askedBy, ids) {
      const outcome = await runScript(redis, bringBackScript, [fence.lock, keys.inbox(conversation), keys.conversation(conversation), callKey(), fence.token, prefix, askedBy, JSON.stringify(ids)]);
      if (outcome === 'fenced') throw new FencedError('another worker has this turn');
      return Number(outcome);
    },
  };
}
