import { keys } from '../shared/store/redis/keys.ts';
import type { Turns } from '../shared/store/queues.ts';
import type { MemoryUse, RedisMemory } from '../shared/store/redis/redis-memory.ts';
import type { Redis } from '../shared/store/redis/redis.ts';
import { readReplyCounts } from '../shared/store/reply-counts.ts';
import { dayOf, total, totalUse } from '../shared/store/money/spend.ts';
import type { ModelUse, Spend } from '../shared/store/money/spend.ts';
import { createVmState } from '../shared/store/vm-state.ts';

/**
 * The state in Redis as numbers: turns by state, replies by status and failures by Twilio's code
 * since the beginning, and dollars.
 */
export type Gauges = {
  turns: Record<string, number>;
  replies: Record<string, number>;
  failures: Record<string, number>;
  spentToday: number;
  spentThisMonth: number;
  /** Today's model usage over all conversations, and the number of open requests. */
  use: ModelUse;
  modelRequestsOpen: number;
  messagesWaiting: number;
  isAwake: boolean;
  /** Undefined when Redis does not report it. */
  memory: MemoryUse | undefined;
};

export type GaugesDeps = { redis: Redis; turns: Turns; spend: Spend; memory: RedisMemory };

/** Reads the gauges. Throws when Redis is away. */
export async function readGauges(
  { redis, turns, spend, memory }: GaugesDeps,
  now: number,
): Promise<Gauges> {
  const [states, counts, spending, waiting, awake, use, open, memoryUse] = await Promise.all([
    turns.queue.getJobCounts('waiting', 'active', 'delayed', 'failed', 'completed'),
    readReplyCounts(redis),
    spend.read(dayOf(now)),
    createVmState(redis).waiting(now),
    redis.exists(keys.heartbeat),
    spend.use(dayOf(now)),
    redis.hlen(keys.modelOpen),
    memory.read(),
  ]);
  return {
    turns: states,
    replies: counts.statuses,
    failures: counts.codes,
    spentToday: total(spending.today).costUsd,
    spentThisMonth: total(spending.month).costUsd,
    use: totalUse(use),
    modelRequestsOpen: open,
    messagesWaiting: waiting.messages,
    isAwake: awake === 1,
    memory: memoryUse,
  };
}
