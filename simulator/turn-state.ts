import type { Redis } from 'ioredis';
import { keys } from '../shared/store/redis/keys.ts';
import type { TurnState } from './phone/chat-source.ts';

/**
 * How far a message has come, from the product's Redis: it is over when its answer has left the
 * outbox too.
 */
export async function readTurnState(redis: Redis, sid: string): Promise<TurnState> {
  const { state, conversation } = await redis.hgetall(keys.message(sid));
  if (state === undefined || conversation === undefined || state === 'waiting') return 'waiting';
  if (state === 'working' || (await redis.llen(keys.outbox(conversation))) > 0) return 'working';
  return state === 'failed' ? 'failed' : 'answered';
}
