import { createHomeRegistry } from '../../../shared/store/homes/registry.ts';
import { isMessageId } from '../../../shared/store/message.ts';
import { keys } from '../../../shared/store/redis/keys.ts';
import type { Redis } from '../../../shared/store/redis/redis.ts';

/**
 * Whether this can be a turn's id: that of the message that started it, or a number of BullMQ's.
 */
export function isTurnId(id: string): boolean {
  return isMessageId(id) || /^\d{1,16}$/.test(id);
}

/**
 * The page of an id: that of a turn, of a message (which may have been steered into another turn),
 * or of a message that Twilio has sent for us; undefined if nothing of this name is known.
 */
export async function findTurn(redis: Redis, id: string): Promise<string | undefined> {
  if (!isTurnId(id)) return undefined;
  const turnPath = (turn: string): string => `/admin/turns/${encodeURIComponent(turn)}`;
  const homes = await createHomeRegistry(redis).suffixes();
  const jobs = homes.map((home) => keys.job(`turns${home}`, id));
  const [isTurn, [conversation, turn], reply] = await Promise.all([
    redis.exists(keys.turnMessages(id), ...jobs),
    redis.hmget(keys.message(id), 'conversation', 'turn'),
    redis.get(keys.sent(id)),
  ]);
  if (turn) return turnPath(turn);
  if (isTurn > 0 || conversation) return turnPath(id);
  if (reply === null) return undefined;
  const [of, own] = await redis.hmget(keys.reply(reply), 'conversation', 'turn');
  if (own && isTurnId(own)) return turnPath(own);
  return of ? `/admin/people/${encodeURIComponent(of)}` : undefined;
}
