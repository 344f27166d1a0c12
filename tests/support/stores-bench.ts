import { createConversations } from '../../shared/store/conversation.ts';
import { createNextDeliveries } from '../../shared/store/boxes/next-delivery.ts';
import { createInbox } from '../../shared/store/boxes/inbox.ts';
import type { Fence } from '../../shared/store/boxes/inbox.ts';
import { createIntake } from '../../shared/store/boxes/intake.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import { createLedger } from '../../shared/store/boxes/ledger.ts';
import type { Message } from '../../shared/store/message.ts';
import { createSnapshots } from '../../shared/store/boxes/snapshot.ts';
import { createOutbox } from '../../shared/store/boxes/outbox.ts';
import { createDeliveries, createTurns } from '../../shared/store/queues.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import type { NewReply } from '../../shared/store/reply.ts';
import { createSchedules } from '../../shared/store/schedules.ts';
import { createSessions } from '../../shared/store/sessions.ts';
import { createSpend } from '../../shared/store/money/spend.ts';
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
    nextDeliveries: createNextDeliveries(redis, { intervalMs: 1, burst: 1000 }),
    conversations: createConversations(redis),
    sessions: createSessions(redis),
    schedules: createSchedules(redis),
    spend: createSpend(redis),
    readSnapshot: createSnapshots(redis).read,
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
