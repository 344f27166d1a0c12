import { z } from 'zod';
import { allowedLua, createAllowed } from './allowed.ts';
import { entryLua } from './entry-lua.ts';
import { keys, prefix } from './keys.ts';
import { insertLua } from './outbox-order.ts';
import type { Deliveries, Turns } from './queues.ts';
import type { Redis } from './redis.ts';
import { setAsideSeconds } from './retention.ts';
import { runScript } from './script.ts';
import type { Script } from './script.ts';
import type { Schedules } from './schedules.ts';

/**
 * Lua that moves what a conversation has waiting (inbox, outbox, parked replies) out of everybody's way, and returns how
 * many messages and replies those were. All of it expires a week after the last was moved. The keys are made of `prefix` and the conversation.
 */
export const setAsideLua = `${entryLua}
  -- derives inbox:*, outbox:*, parked:*, attempts:*, message:*, set-aside:*
  local function setAside(prefix, conversation)
    local counts = { messages = 0, replies = 0 }
    local function move(from, what, note)
      local source, target = prefix .. ':' .. from .. ':' .. conversation, prefix .. ':set-aside:' .. what .. ':' .. conversation
      for entry in function() return redis.call('LPOP', source) or nil end do
        redis.call('RPUSH', target, entry)
        if note then note(entry) end
        counts[what] = counts[what] + 1
      end
      if counts[what] > 0 then redis.call('EXPIRE', target, ${setAsideSeconds}) end
    end
    move('inbox', 'messages', function(entry)
      local key = prefix .. ':message:' .. (idOf(entry) or '')
      if redis.call('EXISTS', key) == 1 then redis.call('HSET', key, 'state', 'set aside') end
    end)
    move('parked', 'replies')
    move('outbox', 'replies')
    redis.call('DEL', prefix .. ':attempts:' .. conversation)
    return counts.messages, counts.replies
  end`;

/** How much of a person's is set aside. */
export type SetAsideCounts = { messages: number; replies: number; schedules: number };

/** What people had waiting who may not write any more. */
export type SetAside = {
  counts(conversation: string): Promise<SetAsideCounts>;
  /** Sets aside what conversations of people who may not write have waiting; leaves the others alone. Returns those that had something. */
  sweep(conversations: string[]): Promise<string[]>;
  /** The person may write again and the owner wants it done: everything goes back to where it was. Returns how much that is; nothing happens while the person may not write. */
  bringBack(conversation: string): Promise<SetAsideCounts>;
  /** Deletes it. Returns how much that was. */
  drop(conversation: string): Promise<SetAsideCounts>;
};

const sweepScript: Script = {
  name: 'sidepocketSetAsideRemoved',
  keys: 1,
  // KEYS: allowed. ARGV: prefix, conversations…
  lua: `${allowedLua}
    ${setAsideLua}
    local moved = {}
    for i = 2, #ARGV do
      if not allowedSince(KEYS[1], ARGV[i]) then
        local messages, replies = setAside(ARGV[1], ARGV[i])
        if messages + replies > 0 then moved[#moved + 1] = ARGV[i] end
      end
    end
    return moved`,
};

const bringBackScript: Script = {
  name: 'sidepocketBringBackRemoved',
  keys: 5,
  // KEYS: allowed, messages and replies that are set aside, inbox, outbox. ARGV: prefix, conversation, now (ISO 8601).
  lua: `-- derives message:*, reply:*
    ${allowedLua}
    ${entryLua}
    ${insertLua}
    -- derives message:*, reply:*
    if not allowedSince(KEYS[1], ARGV[2]) then return { 0, 0 } end
    local messages, replies = 0, 0
    for raw in function() return redis.call('RPOP', KEYS[2]) or nil end do
      redis.call('LPUSH', KEYS[4], raw)
      local key = ARGV[1] .. ':message:' .. (idOf(raw) or '')
      if redis.call('EXISTS', key) == 1 then redis.call('HSET', key, 'state', 'waiting') end
      messages = messages + 1
    end
    for id in function() return redis.call('LPOP', KEYS[3]) or nil end do
      local key = ARGV[1] .. ':reply:' .. id
      local status = redis.pcall('HGET', key, 'status')
      if type(status) == 'string' then
        if status == 'parked' then redis.call('HSET', key, 'status', 'waiting', 'at', ARGV[3]) end
        insert(KEYS[5], ARGV[1] .. ':reply:', id)
        replies = replies + 1
      end
    end
    if messages + replies > 0 then join(KEYS[4]) end
    return { messages, replies }`,
};

const Moved = z.tuple([z.number(), z.number()]);

/** How many conversations are looked at in one step: Redis serves nobody else meanwhile. */
const batch = 500;

export function createSetAside(redis: Redis, turns: Pick<Turns, 'runAndAdd' | 'add'>, deliveries: Pick<Deliveries, 'add'>, schedules: Schedules): SetAside {
  const boxes = (conversation: string): [string, string] => [keys.setAsideMessages(conversation), keys.setAsideReplies(conversation)];
  const counts = async (conversation: string): Promise<SetAsideCounts> => {
    const [messages, replies] = boxes(conversation);
    const [inMessages, inReplies, inSchedules] = await Promise.all([redis.llen(messages), redis.llen(replies), redis.hlen(keys.setAsideSchedules(conversation))]);
    return { messages: inMessages, replies: inReplies, schedules: inSchedules };
  };
  return {
    counts,
    async sweep(conversations) {
      const moved: string[] = [];
      for (let index = 0; index < conversations.length; index += batch) {
        const some = await runScript(redis, sweepScript, [keys.allowed, prefix, ...conversations.slice(index, index + batch)]);
        moved.push(...z.array(z.string()).parse(some));
      }
      return moved;
    },
    async bringBack(conversation) {
      if (!(await createAllowed(redis).has(conversation))) return { messages: 0, replies: 0, schedules: 0 };
      const where = [keys.allowed, ...boxes(conversation), keys.inbox(conversation), keys.outbox(conversation)];
      const [messages, replies] = Moved.parse(await runScript(redis, bringBackScript, [...where, prefix, conversation, new Date().toISOString()]));
      // A death before these is mended by the sweep, and asking again brings the schedules.
      if (messages > 0) await turns.add(conversation);
      if (replies > 0) await deliveries.add(conversation);
      return { messages, replies, schedules: await schedules.bringBack(conversation) };
    },
    async drop(conversation) {
      const dropped = await counts(conversation);
      await redis.del(...boxes(conversation), keys.setAsideSchedules(conversation));
      return dropped;
    },
  };
}

/** What is set aside, as a person reads it: `2 messages, 1 reply and 1 schedule`; '' for nothing. */
export function setAsideWords({ messages, replies, schedules }: SetAsideCounts): string {
  const counted = ([count, one, many]: [number, string, string]): string[] => (count === 0 ? [] : [`${count} ${count === 1 ? one : many}`]);
  const kinds: [number, string, string][] = [[messages, 'message', 'messages'], [replies, 'reply', 'replies'], [schedules, 'schedule', 'schedules']];
  const parts = kinds.flatMap(counted);
  return parts.length < 2 ? parts.join('') : `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`;
}
