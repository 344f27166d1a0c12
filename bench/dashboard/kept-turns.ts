import type { Redis } from 'ioredis';
import { keys } from '../../shared/store/redis/keys.ts';

/** When the newest turn was (ms since 1970); each one before it a minute earlier. */
export const newestAt = Date.UTC(2026, 10, 1);
const minute = 60_000;

/** The people who wrote in turn. */
const people = 40;

/** The number of the person of a turn (E.164), and the id of the turn and its message. */
export const numberOf = (index: number): string =>
  `+1555123${String(index % people).padStart(4, '0')}`;
export const sidOf = (index: number): string => `SM${index.toString(16).padStart(32, '0')}`;
export const timeOf = (index: number): number => newestAt - index * minute;

/** Stores turns as the scripts leave them, the first one the newest; every 500th has failed. */
export async function fillTurns(redis: Redis, count: number): Promise<void> {
  for (let from = 0; from < count; from += 500) {
    const step = redis.pipeline();
    for (let index = from; index < Math.min(from + 500, count); index += 1) {
      const [id, conversation, at] = [sidOf(index), numberOf(index), timeOf(index)];
      const text = `Please look at deploy log number ${index} and tell me what went wrong`;
      const said = { id, conversation, at: new Date(at).toISOString(), text, media: [] };
      const state = index % 500 === 3 ? 'failed' : 'answered';
      step.set(keys.said(id), JSON.stringify(said));
      step.hset(keys.message(id), { conversation, state, turn: id });
      step.zadd(keys.thread(conversation), at, id);
      step.zadd(keys.turnTimes, at, id);
      step.zadd(keys.turnsOf(conversation), at, id);
      if (state === 'failed') step.zadd(keys.turnsFailed, at, id);
      step.hset(keys.turnWords, id, `${text.toLowerCase()}\n${conversation}`);
      step.rpush(keys.turnMessages(id), id);
      step.hset(keys.turn(id), { conversation, begunAt: at, settledAt: at + 5000 });
      step.rpush(keys.turnReplies(id), `${id}.1`);
      step.hset(keys.reply(`${id}.1`), { status: 'read', at: said.at, postedAt: said.at });
    }
    await step.exec();
  }
}
