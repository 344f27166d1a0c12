import { z } from 'zod';
import { allowedLua, createAllowed } from '../allowed.ts';
import { entryLua } from '../redis/entry-lua.ts';
import { keys, prefix } from '../redis/keys.ts';
import { insertLua } from './outbox-order.ts';
import type { Deliveries, Turns } from '../queues.ts';
import type { Redis } from '../redis/redis.ts';
import { setAsideSeconds } from '../redis/retention.ts';
import { defineScript, runScript } from '../redis/script.ts';
import type { Schedules } from '../schedules.ts';

/**
 * Lua that moves everything a conversation has waiting (inbox, outbox, parked replies) out of the
 * queues, and returns the numbers of messages and replies. All of it expires a week after the last
 * move. The keys are built from `prefix` and the conversation.
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

/** How much of a person's waiting work is set aside. */
export type SetAsideCounts = { messages: number; replies: number; schedules: number };

/** The waiting work of people who may no longer write. */
export type SetAside = {
  counts(conversation: string): Promise<SetAsideCounts>;
  /**
   * Sets aside the waiting work of conversations whose people may not write; leaves the others
   * alone. Returns those that had something.
   */
  sweep(conversations: string[]): Promise<string[]>;
  /**
   * Restores everything to its place once the person may write again and the owner agrees. Returns
   * how much was restored; does nothing while the person may not write.
   */
  bringBack(conversation: string): Promise<SetAsideCounts>;
  /** Deletes it. Returns how much was deleted. */
  drop(conversation: string): Promise<SetAsideCounts>;
};

const sweepScript = defineScript({
  name: 'sidepocketSetAsideRemoved',
  keys: ['allowed'],
  args: ['prefix'],
  rest: 'conversations',
  lua: `${allowedLua}
    ${setAsideLua}
    local moved = {}
    for _, conversation in ipairs(conversations) do
      if not allowedSince(allowed, conversation) then
        local messages, replies = setAside(prefix, conversation)
        if messages + replies > 0 then moved[#moved + 1] = conversation end
      end
    end
    return moved`,
});

const bringBackScript = defineScript({
  name: 'sidepocketBringBackRemoved',
  keys: ['allowed', 'asideMessages', 'asideReplies', 'inbox', 'outbox'],
  args: ['prefix', 'conversation', 'now'],
  lua: `-- derives message:*, reply:*
    ${allowedLua}
    ${entryLua}
    ${insertLua}
    -- derives message:*, reply:*
    if not allowedSince(allowed, conversation) then return { 0, 0 } end
    local messages, replies = 0, 0
    for raw in function() return redis.call('RPOP', asideMessages) or nil end do
      redis.call('LPUSH', inbox, raw)
      local key = prefix .. ':message:' .. (idOf(raw) or '')
      if redis.call('EXISTS', key) == 1 then redis.call('HSET', key, 'state', 'waiting') end
      messages = messages + 1
    end
    for id in function() return redis.call('LPOP', asideReplies) or nil end do
      local key = prefix .. ':reply:' .. id
      local status = redis.pcall('HGET', key, 'status')
      if type(status) == 'string' then
        if status == 'parked' then redis.call('HSET', key, 'status', 'waiting', 'at', now) end
        insert(outbox, prefix .. ':reply:', id)
        replies = replies + 1
      end
    end
    if messages + replies > 0 then join(inbox) end
    return { messages, replies }`,
});

const Moved = z.tuple([z.number(), z.number()]);

/** How many conversations one step checks: the script blocks Redis meanwhile. */
const batch = 500;

export function createSetAside(
  redis: Redis,
  turns: Pick<Turns, 'runAndAdd' | 'add'>,
  deliveries: Pick<Deliveries, 'add'>,
  schedules: Schedules,
): SetAside {
  const boxes = (conversation: string): [string, string] => [
    keys.setAsideMessages(conversation),
    keys.setAsideReplies(conversation),
  ];
  const counts = async (conversation: string): Promise<SetAsideCounts> => {
    const [messages, replies] = boxes(conversation);
    const [inMessages, inReplies, inSchedules] = await Promise.all([
      redis.llen(messages),
      redis.llen(replies),
      redis.hlen(keys.setAsideSchedules(conversation)),
    ]);
    return { messages: inMessages, replies: inReplies, schedules: inSchedules };
  };
  return {
    counts,
    async sweep(conversations) {
      const moved: string[] = [];
      for (let index = 0; index < conversations.length; index += batch) {
        const rest = conversations.slice(index, index + batch);
        const some = await runScript(redis, sweepScript, {
          keys: { allowed: keys.allowed },
          args: { prefix },
          rest,
        });
        moved.push(...z.array(z.string()).parse(some));
      }
      return moved;
    },
    async bringBack(conversation) {
      if (!(await createAllowed(redis).has(conversation)))
        return { messages: 0, replies: 0, schedules: 0 };
      const [asideMessages, asideReplies] = boxes(conversation);
      const moved = await runScript(redis, bringBackScript, {
        keys: {
          allowed: keys.allowed,
          asideMessages,
          asideReplies,
          inbox: keys.inbox(conversation),
          outbox: keys.outbox(conversation),
        },
        args: { prefix, conversation, now: new Date().toISOString() },
      });
      const [messages, replies] = Moved.parse(moved);
      // After a crash before these, the sweep adds the jobs, and asking again restores the
      // schedules.
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

/** The set-aside work in words: `2 messages, 1 reply and 1 schedule`; '' if there is nothing. */
export function setAsideWords({ messages, replies, schedules }: SetAsideCounts): string {
  const counted = ([count, one, many]: [number, string, string]): string[] =>
    count === 0 ? [] : [`${count} ${count === 1 ? one : many}`];
  const kinds: [number, string, string][] = [
    [messages, 'message', 'messages'],
    [replies, 'reply', 'replies'],
    [schedules, 'schedule', 'schedules'],
  ];
  const parts = kinds.flatMap(counted);
  return parts.length < 2 ? parts.join('') : `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`;
}
