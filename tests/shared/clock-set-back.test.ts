import { expect, test } from 'vitest';
import { createSilentMessenger } from '../../bench/silent-messenger.ts';
import { createDelivery } from '../../shared/delivery/deliver.ts';
import type { Outgoing } from '../../shared/delivery/messenger.ts';
import { createLog } from '../../shared/runtime/log.ts';
import { createIntake } from '../../shared/store/boxes/intake.ts';
import type { Sender } from '../../shared/store/boxes/intake.ts';
import { createLedger } from '../../shared/store/boxes/ledger.ts';
import { createNextDeliveries } from '../../shared/store/boxes/next-delivery.ts';
import { createOutbox } from '../../shared/store/boxes/outbox.ts';
import type { Outbox } from '../../shared/store/boxes/outbox.ts';
import { createDeliveries, createTurns } from '../../shared/store/queues.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import { createSendRate } from '../../shared/store/send-rate.ts';
import { withRedis } from '../support/redis.ts';
import { newSid } from '../support/relay-bench.ts';

// A clock that was ahead is set right, or a machine comes back with one that is behind: what is in
// Redis then lies in the future, and nobody may wait until the clock has caught up.

const conversation = '+15551230001';
const ahead = Date.parse('2026-01-31T12:00:00Z');
const now = ahead - 2 * 3600_000;
const limit = { intervalMs: 3000, burst: 2 };

/** The reply `a` is in the outbox. */
async function withReply(run: (redis: Redis, outbox: Outbox) => Promise<void>): Promise<void> {
  await withRedis(async (redis) => {
    const deliveries = createDeliveries(redis);
    const outbox = createOutbox(redis, deliveries);
    await outbox.put([{ id: 'a', conversation, turn: 'turn', text: 'hello' }]);
    await run(redis, outbox);
    await deliveries.close();
  });
}

test('the send rate holds nobody up for longer than its interval', async () => {
  await withRedis(async (redis) => {
    const sendRate = createSendRate(redis, limit);
    for (const wait of [0, 0, 3000]) expect(await sendRate.reserve(conversation, ahead)).toBe(wait);
    expect(await sendRate.reserve(conversation, now)).toBe(3000);
    expect(await sendRate.reserve(conversation, now + 3000)).toBe(0);
    expect(await sendRate.reserve(conversation, now + 3000)).toBe(3000);
  });
});

test('a pause before a repeat is over', async () => {
  await withReply(async (redis) => {
    const fence = { lock: keys.jobLock('deliveries', '1'), token: 'mine' };
    await redis.set(fence.lock, fence.token);
    const next = createNextDeliveries(redis, limit);
    await redis.hset(keys.reply('a'), 'notBefore', String(now + 900_000));
    expect(await next.next(conversation, fence, now)).toEqual({ kind: 'wait', ms: 900_000 });
    await redis.hset(keys.reply('a'), 'notBefore', String(ahead + 1000));
    expect(await next.next(conversation, fence, now)).toMatchObject({
      kind: 'send',
      reply: { id: 'a' },
    });
  });
});

test('an unclear send is looked up soon, far enough back, and sent again only after the usual time', async () => {
  for (const isThere of [true, false]) {
    await withReply(async (redis, outbox) => {
      await redis.hset(keys.reply('a'), {
        status: 'posting',
        attempts: '1',
        attemptedAt: new Date(ahead).toISOString(),
        notBefore: String(ahead + 1000),
      });
      const ledger = createLedger(redis, () => new Date(now));
      const lookedUp: Date[] = [];
      const sent: Outgoing[] = [];
      const deliver = createDelivery({
        messenger: {
          ...createSilentMessenger(),
          find: async (_, since) => {
            lookedUp.push(since);
            return isThere ? [{ sid: newSid() }] : [];
          },
          send: async (message) => {
            sent.push(message);
            return { sid: newSid() };
          },
        },
        outbox,
        ledger,
        sendRate: createSendRate(redis, limit),
        log: createLog('test', 'silent'),
        publicUrl: 'http://127.0.0.1',
        reconciling: { firstMs: 20, lastMs: 80, blindMs: 200 },
        now: () => now,
      });
      const start = performance.now();
      let longestMs = 0;
      for (let isDone = false; !isDone;) {
        const reply = await ledger.find('a');
        if (!reply) throw new Error('no reply');
        const step = await deliver(reply);
        isDone = step.done;
        const waitMs = step.done ? 0 : step.waitMs;
        longestMs = Math.max(longestMs, waitMs);
        await new Promise((resolve) => setTimeout(resolve, Math.min(waitMs, 1000)));
      }
      expect(longestMs).toBeLessThanOrEqual(80);
      // The attempt may have been made long before the present time of the clock.
      expect(now - (lookedUp[0]?.getTime() ?? now)).toBeGreaterThanOrEqual(24 * 3600_000);
      expect(sent).toHaveLength(isThere ? 0 : 1);
      expect(performance.now() - start).toBeGreaterThanOrEqual(isThere ? 20 : 80);
    });
  }
});

test('messages keep the order of their webhooks; one that overtook another on its way goes behind it, and a missed one where it belongs', async () => {
  await withRedis(async (redis) => {
    const turns = createTurns(redis);
    await turns.queue.waitUntilReady();
    const accept = createIntake(turns);
    const take = async (text: string, ms: number, more: Partial<Sender> = {}): Promise<void> => {
      const at = new Date(ms).toISOString();
      await accept(
        { id: newSid(), conversation, at, text, media: [], human: true },
        { address: conversation, conversation, proven: [], rivals: [], ...more },
      );
    };
    await take('first', ahead);
    await take('second', now + 1000);
    await take('third', now + 3000);
    await take('before the third', now + 2000);
    await take('last', now + 4000);
    const texts = async (): Promise<string[]> =>
      (await redis.lrange(keys.inbox(conversation), 0, -1)).map((raw) => JSON.parse(raw).text);
    expect(await texts()).toEqual(['first', 'second', 'before the third', 'third', 'last']);
    await take('missed', now + 1500, { missed: true });
    expect(await texts()).toEqual([
      'missed',
      'first',
      'second',
      'before the third',
      'third',
      'last',
    ]);
    await turns.close();
  });
});
