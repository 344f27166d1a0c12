import type { Redis } from 'ioredis';
import { keys } from '../shared/store/redis/keys.ts';
import type { TurnState } from './phone/chat-source.ts';

/**
 * The progress of a message, from the product's Redis: it is done when its answer has also left the
 * outbox.
 */
export async function readTurnState(redis: Redis, sid: string): Promise<TurnState> {
  const { state, conversation } = await redis.hgetall(keys.message(sid));
  if (state === undefined || conversation === undefined || state === 'waiting') return 'waiting';
  if (state === 'working' || (await redis.llen(keys.outbox(conversation))) > 0) return 'working';
  return state === 'failed' ? 'failed' : 'answered';
}
