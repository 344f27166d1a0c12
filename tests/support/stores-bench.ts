import { createConversations } from '../../shared/conversation.ts';
import { createDepartures } from '../../shared/departures.ts';
import { createInbox } from '../../shared/inbox.ts';
import type { Fence } from '../../shared/inbox.ts';
import { createIntake } from '../../shared/intake.ts';
import { keys } from '../../shared/keys.ts';
import { createLedger } from '../../shared/ledger.ts';
import type { Message } from '../../shared/message.ts';
import { createReadOpening } from '../../shared/opening.ts';
import { createOutbox } from '../../shared/outbox.ts';
import { createDeliveries, createTurns } from '../../shared/queues.ts';
import type { Redis } from '../../shared/redis.ts';
import type { NewReply } from '../../shared/reply.ts';
import { createSchedules } from '../../shared/schedules.ts';
import { createSessions } from '../../shared/sessions.ts';
import { createSpend } from '../../shared/spend.ts';
import { withRedis } from './redis.ts';

export const conversation = '+15551230001';
export const fence: Fence = { lock: keys.jobLock('turns', 'T'), token: 'mine' };
export const sid = (letter: string): string => `SM${letter.repeat(32)}`;
export const message = (letter: string): Message => ({
  id: sid(letter),
  conversation,
  at: '2026-11-29T10:00:00.000Z',
  text: letter,
  media: [],
});
export const reply = (id: string, change: Partial<NewReply> = {}): NewReply => ({
  id,
  conversation,
  turn: 'T',
  text: id,
  ...change,
});

/** Each store on one connection. */
export function openStores(redis: Redis) {
  const [turns, deliveries] = [createTurns(redis), createDeliveries(redis)];
  return {
    turns,
    deliveries,
    inbox: createInbox(redis),
    outbox: createOutbox(redis, deliveries),
    ledger: createLedger(redis),
    intake: createIntake(turns),
    departures: createDepartures(redis, { intervalMs: 1, burst: 1000 }),
    conversations: createConversations(redis),
    sessions: createSessions(redis),
    schedules: createSchedules(redis),
    spend: createSpend(redis),
    readOpening: createReadOpening(redis),
  };
}

/** All of them on a Redis of the test's own. */
export async function withStores(
  run: (redis: Redis, stores: ReturnType<typeof openStores>) => Promise<void>,
): Promise<void> {
  await withRedis(async (redis) => {
    const stores = openStores(redis);
    try {
      await run(redis, stores);
    } finally {
      await Promise.all([
        stores.turns.close(),
        stores.deliveries.close(),
        stores.schedules.close(),
      ]);
    }
  });
}
