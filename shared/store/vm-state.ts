import { z } from 'zod';
import { boxesLua } from './boxes/box-counts.ts';
import { keys, prefix } from './redis/keys.ts';
import type { Redis } from './redis/redis.ts';
import { defineScript, runScript } from './redis/script.ts';

/** The queues whose jobs keep the VM awake. */
export const queueNames = ['turns', 'deliveries', 'schedules'] as const;

/**
 * The VM's work. `heartbeatMs` is how long the last sign of life remains valid (0: expired);
 * `nextDue` the time of the next delayed job in ms since 1970.
 */
export type Need = { work: boolean; heartbeatMs: number; nextDue: number | undefined };

/** Whether the VM is awake, and whether it has to be. Never polls. */
export type VmState = {
  need(now: number): Promise<Need>;
  /**
   * Decides whether to fall asleep, in one atomic step: without work it withdraws the sign of life
   * and writes `asleep`, else it changes nothing. A message accepted earlier keeps the worker
   * awake; a message accepted later finds no sign of life and wakes it. A job that is due within
   * `soonMs` counts as work. Conversations that keep it awake without a job, which no queue would
   * ever work, are passed to `onStranded` each time.
   */
  fallAsleep(
    worker: string,
    now: number,
    soonMs: number,
    onStranded?: (conversations: string[]) => Promise<void>,
  ): Promise<boolean>;
  /**
   * Conversations with messages whose turn is due now, all or those `among` these; and the number
   * of unanswered messages, including those of delayed turns.
   */
  waiting(now: number, among?: string[]): Promise<{ conversations: string[]; messages: number }>;
  /**
   * Notes the duration of a wake (ms); `usualWake` is the median of the last ones, undefined before
   * the first.
   */
  noteWake(ms: number): Promise<void>;
  usualWake(): Promise<number | undefined>;
};

/** Checks all queues. Sets `work` (something to do now or soon) and `nextDue` (ms, or nil). */
const lookLua = `${boxesLua}
  local work, nextDue = false, nil
  local function look(base, soon)
    if redis.call('LLEN', base .. 'wait') + redis.call('LLEN', base .. 'active') + redis.call('ZCARD', base .. 'prioritized') > 0 then work = true end
    local due = redis.call('ZRANGE', base .. 'delayed', 0, 0, 'WITHSCORES')[2]
    if due then
      due = math.floor(tonumber(due) / 0x1000)
      if due <= soon then work = true end
      if not nextDue or due < nextDue then nextDue = due end
    end
  end
  local idle = {}
  -- An inbox whose conversation has a turn is that queue's affair: a turn may be put off for hours. Where a queue has work, no box need be looked into.
  local function lookAtBoxes(prefix, conversations)
    if work then return end
    for _, conversation in ipairs(redis.call('SMEMBERS', conversations)) do
      local waits = redis.call('LLEN', prefix .. ':inbox:' .. conversation) > 0
      local sends = redis.call('LLEN', prefix .. ':outbox:' .. conversation) > 0
      if not waits and not sends then leave(prefix .. ':inbox:' .. conversation) end
      if sends or waits and redis.call('EXISTS', prefix .. ':turns:de:' .. conversation) == 0 then
        work = true
        idle[#idle + 1] = conversation
        if #idle == 100 then return end
      end
    end
  end`;

const needScript = defineScript({
  name: 'sidepocketNeed',
  keys: ['heartbeat', 'conversations'],
  args: ['prefix', 'nowMs'],
  rest: 'queues',
  lua: `-- derives turns:*, deliveries:*, schedules:*, inbox:*, outbox:*
    ${lookLua}
    for _, queue in ipairs(queues) do look(prefix .. ':' .. queue .. ':', tonumber(nowMs)) end
    lookAtBoxes(prefix, conversations)
    return { work and 1 or 0, math.max(redis.call('PTTL', heartbeat), 0), nextDue and tostring(nextDue) or '' }`,
});

const fallAsleepScript = defineScript({
  name: 'sidepocketFallAsleep',
  keys: ['heartbeat', 'conversations', 'vm', 'lease'],
  args: ['prefix', 'nowMs', 'soonMs', 'channel'],
  rest: 'queues',
  lua: `-- derives turns:*, deliveries:*, schedules:*, inbox:*, outbox:*
    ${lookLua}
    for _, queue in ipairs(queues) do look(prefix .. ':' .. queue .. ':', tonumber(nowMs) + tonumber(soonMs)) end
    lookAtBoxes(prefix, conversations)
    if work then return idle end
    redis.call('DEL', heartbeat, lease)
    redis.call('HSET', vm, 'state', 'asleep', 'since', nowMs, 'nextDue', nextDue and tostring(nextDue) or '')
    redis.call('PUBLISH', channel, cjson.encode({ kind = 'asleep', nextDue = nextDue or 0 }))
    return 'asleep'`,
});

const waitingScript = defineScript({
  name: 'sidepocketWaiting',
  keys: ['conversations'],
  args: ['prefix', 'among', 'nowMs'],
  // `among` lists the conversations to check, as JSON; '' means all of them. A delayed turn, which
  // may wait for hours, does not wake the VM before it is due.
  lua: `-- derives inbox:*, turns:de:*, turns:delayed
    ${boxesLua}
    local waiting, messages = {}, 0
    local function isPutOff(conversation)
      local turn = redis.call('GET', prefix .. ':turns:de:' .. conversation)
      local due = turn and redis.call('ZSCORE', prefix .. ':turns:delayed', turn)
      return due and math.floor(tonumber(due) / 0x1000) > tonumber(nowMs)
    end
    for _, conversation in ipairs(among == '' and redis.call('SMEMBERS', conversations) or cjson.decode(among)) do
      local inbox = prefix .. ':inbox:' .. conversation
      local length = redis.call('LLEN', inbox)
      if length == 0 then leave(inbox) elseif not isPutOff(conversation) then waiting[#waiting + 1] = conversation end
      messages = messages + length
    end
    return { waiting, messages }`,
});

const Waiting = z.tuple([z.array(z.string()), z.number()]);

const Waking = z.tuple([z.number(), z.number(), z.string()]);

export function createVmState(redis: Redis): VmState {
  return {
    async need(now) {
      const found = await runScript(redis, needScript, {
        keys: { heartbeat: keys.heartbeat, conversations: keys.conversations },
        args: { prefix, nowMs: now },
        rest: queueNames,
      });
      const [work, heartbeatMs, nextDue] = Waking.parse(found);
      return { work: work === 1, heartbeatMs, nextDue: nextDue ? Number(nextDue) : undefined };
    },
    async fallAsleep(worker, now, soonMs, onStranded) {
      const found = await runScript(redis, fallAsleepScript, {
        keys: {
          heartbeat: keys.heartbeat,
          conversations: keys.conversations,
          vm: keys.vm,
          lease: keys.lease(worker),
        },
        args: { prefix, nowMs: now, soonMs, channel: keys.control },
        rest: queueNames,
      });
      if (found === 'asleep') return true;
      const idle = z.array(z.string()).parse(found);
      if (idle.length > 0) await onStranded?.(idle);
      return false;
    },
    async waiting(now, among) {
      const args = { prefix, among: among ? JSON.stringify(among) : '', nowMs: now };
      const found = await runScript(redis, waitingScript, {
        keys: { conversations: keys.conversations },
        args,
      });
      const [conversations, messages] = Waiting.parse(found);
      return { conversations, messages };
    },
    async noteWake(ms) {
      await redis.multi().lpush(keys.wakes, Math.round(ms)).ltrim(keys.wakes, 0, 9).exec();
    },
    async usualWake() {
      const wakes = (await redis.lrange(keys.wakes, 0, -1)).map(Number).toSorted((a, b) => a - b);
      return wakes[Math.floor(wakes.length / 2)];
    },
  };
}
