import { z } from 'zod';
import { keys, ofHome, prefix } from './redis/keys.ts';
import type { HomeSuffix } from './redis/keys.ts';
import type { Redis } from './redis/redis.ts';
import { runScript } from './redis/script.ts';
import { loadScript } from './redis/script-file.ts';

/** The queues whose jobs keep the VM awake; those of a home end in its suffix. */
export const queueNames = ['turns', 'deliveries', 'schedules'] as const;

/** The names of a home's queues. */
export function queuesOf(home: HomeSuffix): string[] {
  return queueNames.map((name) => `${name}${home}`);
}

/** The names of a home's queues that another home works when its computer does not come up. */
export function helpedQueues(home: HomeSuffix): string[] {
  return [`deliveries${home}`, `schedules${home}`];
}

/**
 * The VM's work. `heartbeatMs` is how long the last sign of life remains valid (0: expired);
 * `nextDue` the time of the next delayed job in ms since 1970.
 */
export type Need = { work: boolean; heartbeatMs: number; nextDue: number | undefined };

/**
 * Whether a home's VM is awake, and whether it has to be: for its own people, and to send for a
 * home whose computer does not come up. Never polls.
 */
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

const needScript = loadScript(new URL('lua/need.lua', import.meta.url), {
  keys: ['heartbeat', 'conversations', 'helps'],
  args: ['prefix', 'nowMs', 'home'],
  rest: 'queues',
});

const fallAsleepScript = loadScript(new URL('lua/fall-asleep.lua', import.meta.url), {
  keys: ['heartbeat', 'conversations', 'helps', 'vm', 'lease'],
  args: ['prefix', 'nowMs', 'soonMs', 'channel', 'home'],
  rest: 'queues',
});

const waitingScript = loadScript(new URL('lua/waiting.lua', import.meta.url), {
  keys: ['conversations'],
  args: ['prefix', 'among', 'nowMs', 'home'],
});

const Waiting = z.tuple([z.array(z.string()), z.number()]);

const Waking = z.tuple([z.number(), z.number(), z.string()]);

export function createVmState(redis: Redis, home: HomeSuffix = ''): VmState {
  const own = {
    heartbeat: ofHome(keys.heartbeat, home),
    conversations: ofHome(keys.conversations, home),
    helps: ofHome(keys.helps, home),
    vm: ofHome(keys.vm, home),
    wakes: ofHome(keys.wakes, home),
  };
  const queues = queuesOf(home);
  return {
    async need(now) {
      const found = await runScript(redis, needScript, {
        keys: { heartbeat: own.heartbeat, conversations: own.conversations, helps: own.helps },
        args: { prefix, nowMs: now, home },
        rest: queues,
      });
      const [work, heartbeatMs, nextDue] = Waking.parse(found);
      return { work: work === 1, heartbeatMs, nextDue: nextDue ? Number(nextDue) : undefined };
    },
    async fallAsleep(worker, now, soonMs, onStranded) {
      const found = await runScript(redis, fallAsleepScript, {
        keys: {
          heartbeat: own.heartbeat,
          conversations: own.conversations,
          helps: own.helps,
          vm: own.vm,
          lease: keys.lease(worker),
        },
        args: { prefix, nowMs: now, soonMs, channel: keys.control, home },
        rest: queues,
      });
      if (found === 'asleep') return true;
      const idle = z.array(z.string()).parse(found);
      if (idle.length > 0) await onStranded?.(idle);
      return false;
    },
    async waiting(now, among) {
      const args = { prefix, among: among ? JSON.stringify(among) : '', nowMs: now, home };
      const found = await runScript(redis, waitingScript, {
        keys: { conversations: own.conversations },
        args,
      });
      const [conversations, messages] = Waiting.parse(found);
      return { conversations, messages };
    },
    async noteWake(ms) {
      await redis.multi().lpush(own.wakes, Math.round(ms)).ltrim(own.wakes, 0, 9).exec();
    },
    async usualWake() {
      const wakes = (await redis.lrange(own.wakes, 0, -1)).map(Number).toSorted((a, b) => a - b);
      return wakes[Math.floor(wakes.length / 2)];
    },
  };
}
