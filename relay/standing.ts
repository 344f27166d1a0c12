import { keys } from '../shared/keys.ts';
import type { Turns } from '../shared/queues.ts';
import type { Redis } from '../shared/redis.ts';
import { readReplyCounts } from '../shared/reply-counts.ts';
import { dayOf, total } from '../shared/spend.ts';
import type { Spend } from '../shared/spend.ts';
import { createVmState } from '../shared/vm-state.ts';

/** How things stand in Redis, in numbers: turns by state, replies by status and failures by Twilio's code since the beginning, and dollars. */
export type Standing = {
  turns: Record<string, number>;
  replies: Record<string, number>;
  failures: Record<string, number>;
  spentToday: number;
  spentThisMonth: number;
  messagesWaiting: number;
  isAwake: boolean;
};

/** Reads it. Throws when Redis is away. */
export async function readStanding(redis: Redis, turns: Turns, spend: Spend, now: number): Promise<Standing> {
  const [states, counts, spending, waiting, awake] = await Promise.all([
    turns.queue.getJobCounts('waiting', 'active', 'delayed', 'failed', 'completed'), readReplyCounts(redis), spend.read(dayOf(now)), createVmState(redis).waiting(), redis.exists(keys.heartbeat),
  ]);
  return {
    turns: states,
    replies: counts.statuses,
    failures: counts.codes,
    spentToday: total(spending.today).costUsd,
    spentThisMonth: total(spending.month).costUsd,
    messagesWaiting: waiting.messages,
    isAwake: awake === 1,
  };
}
