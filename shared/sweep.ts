import { keys } from './keys.ts';
import type { Log } from './log.ts';
import type { Deliveries, Turns } from './queues.ts';
import type { Redis } from './redis.ts';

/**
 * Gives a turn to every inbox with messages and a delivery to every outbox with replies: what was stranded by a death between two
 * steps. Where one exists already nothing is added. Returns how many conversations had something waiting.
 */
export async function sweep(redis: Redis, turns: Turns, deliveries: Deliveries, log: Log): Promise<number> {
  let waiting = 0;
  for (const conversation of await redis.smembers(keys.conversations)) {
    const [messages, replies] = await Promise.all([redis.llen(keys.inbox(conversation)), redis.llen(keys.outbox(conversation))]);
    if (messages > 0) await turns.add(conversation);
    if (replies > 0) await deliveries.add(conversation);
    if (messages + replies > 0) waiting += 1;
  }
  if (waiting > 0) log.info({ waiting }, 'swept');
  return waiting;
}
