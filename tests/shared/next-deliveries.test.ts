import { expect, test } from 'vitest';
import {
  createNextDeliveries,
  slowWords,
  unreadableReply,
} from '../../shared/store/boxes/next-delivery.ts';
import type { NextDeliveries } from '../../shared/store/boxes/next-delivery.ts';
import { FencedError } from '../../shared/store/boxes/inbox.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import { createLedger } from '../../shared/store/boxes/ledger.ts';
import type { Ledger } from '../../shared/store/boxes/ledger.ts';
import { createOutbox } from '../../shared/store/boxes/outbox.ts';
import { createDeliveries } from '../../shared/store/queues.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import { withRedis } from '../support/redis.ts';

const conversation = '+15551230001';
const lock = keys.jobLock('deliveries', '1');
const fence = { lock, token: 'mine' };
const now = Date.parse('2026-01-31T12:00:00Z');

type Bench = {
  redis: Redis;
  ledger: Ledger;
  nextDeliveries: NextDeliveries;
  say: (...ids: string[]) => Promise<void>;
  waiting: () => Promise<string[]>;
};

/** Two messages may go at once, then one in three seconds; the fence holds. */
async function withDepartures(run: (bench: Bench) => Promise<void>): Promise<void> {
  await withRedis(async (redis) => {
    const deliveries = createDeliveries(redis);
    const outbox = createOutbox(redis, deliveries);
    await redis.set(lock, 'mine');
    await run({
      redis,
      ledger: createLedger(redis),
      nextDeliveries: createNextDeliveries(redis, { intervalMs: 3000, burst: 2 }),
      say: async (...ids) =>
        void (await outbox.put(
          ids.map((id) => ({ id, conversation, turn: 'turn', text: `text of ${id}` })),
        )),
      waiting: () => redis.lrange(keys.outbox(conversation), 0, -1),
    });
    await deliveries.close();
  });
}

test('replies leave in order, each with its attempt noted, as fast as the pace allows', async () => {
  await withDepartures(async ({ nextDeliveries, ledger, say, waiting }) => {
    expect(await nextDeliveries.next(conversation, fence, now)).toEqual({ kind: 'none' });
    await say('a', 'b', 'c');
    const left: number[] = [];
    for (const id of ['a', 'b']) {
      const nextDelivery = await nextDeliveries.next(conversation, fence, now);
      expect(nextDelivery).toMatchObject({
        kind: 'send',
        reply: {
          id,
          text: `text of ${id}`,
          status: 'posting',
          attempts: 1,
          attemptedAt: new Date(now).toISOString(),
        },
      });
      if (nextDelivery.kind === 'send')
        left.push(
          await ledger.accepted(nextDelivery.reply, `sid-${id}`, nextDelivery.reply.attempts),
        );
    }
    expect(left).toEqual([2, 1]);
    expect(await nextDeliveries.next(conversation, fence, now)).toEqual({ kind: 'wait', ms: 3000 });
    expect(await waiting()).toEqual(['c']);
    expect(await nextDeliveries.next(conversation, fence, now + 3000)).toMatchObject({
      kind: 'send',
      reply: { id: 'c' },
    });
  });
});

test('before the third reply in a row that the pace delays the person hears why, once until it is over', async () => {
  await withDepartures(async ({ nextDeliveries, ledger, say }) => {
    let time = now;
    const texts = new Map<string, string>();
    /** Sends all there is; returns the ids in order, with a * for each wait. */
    const sendAll = async (): Promise<string> => {
      let sent = '';
      for (;;) {
        const next = await nextDeliveries.next(conversation, fence, time);
        if (next.kind === 'none' || next.kind === 'elsewhere') return sent;
        if (next.kind === 'wait') {
          // Asked again at the same moment, as after a lost answer.
          await nextDeliveries.next(conversation, fence, time);
          [time, sent] = [time + next.ms, `${sent}*`];
        } else {
          await ledger.accepted(next.reply, `sid-${next.reply.id}`, next.reply.attempts);
          sent += `${next.reply.id} `;
          texts.set(next.reply.id, next.reply.text);
        }
      }
    };
    await say('a', 'b', 'c', 'd', 'e', 'f', 'g');
    expect(await sendAll()).toBe('a b *c *d *e.slow *e *f *g ');
    await say('h', 'i');
    expect(await sendAll()).toBe('*h *i ');
    time += 60_000;
    await say('j', 'k', 'l', 'm', 'n');
    expect(await sendAll()).toBe('j k *l *m *n.slow *n ');
    expect(slowWords(3000)).toContain('every 3 seconds');
    expect(texts.get('e.slow')).toBe(slowWords(3000));
    expect([slowWords(1), slowWords(1000)]).toEqual(['', expect.stringContaining('a second')]);
  });
});

test('an attempt of unknown end is looked up and not counted again; one that a callback has settled holds nothing up', async () => {
  await withDepartures(async ({ nextDeliveries, ledger, say, waiting }) => {
    await say('a', 'b');
    await nextDeliveries.next(conversation, fence, now);
    expect(await nextDeliveries.next(conversation, fence, now)).toMatchObject({
      kind: 'look-up',
      reply: { id: 'a', attempts: 1 },
    });
    await ledger.note('a', conversation, 'sid-a', 'sent', 'give-up', undefined);
    expect(await nextDeliveries.next(conversation, fence, now)).toMatchObject({
      kind: 'send',
      reply: { id: 'b' },
    });
    expect(await waiting()).toEqual(['b']);
  });
});

test('a reply that is put off waits for its time; what is forgotten leaves the outbox', async () => {
  await withDepartures(async ({ redis, nextDeliveries, say, waiting }) => {
    await say('a');
    await redis.hset(keys.reply('a'), 'notBefore', String(now + 700));
    await redis.lpush(keys.outbox(conversation), 'forgotten');
    expect(await nextDeliveries.next(conversation, fence, now)).toEqual({ kind: 'wait', ms: 700 });
    expect(await waiting()).toEqual(['a']);
  });
});

const whole = {
  id: 'strange',
  conversation,
  turn: 't',
  text: 'hello',
  at: '2026-11-29T10:00:00.000Z',
  status: 'waiting',
};

test.each([
  ['that lacks what a reply has', { id: 'strange', status: 'waiting' }],
  ['in a state of a later version', { ...whole, status: 'translating' }],
  ['whose buttons are no JSON', { ...whole, choices: '{"kind":' }],
  ['that is no hash', 'a string'],
  ['that was said at no time', { ...whole, at: 'yesterday' }],
  ...['attempts', 'repeats', 'notBefore', 'heldSince', 'seq'].flatMap((field) =>
    ['many', '1.5', '9'.repeat(17)].map((count): [string, Record<string, string>] => [
      `with ${count} for ${field}`,
      { ...whole, [field]: count },
    ]),
  ),
])(
  'a reply %s goes to the dead list, a sentence takes its place, and what follows is sent',
  async (_what, stored) => {
    await withDepartures(async ({ redis, nextDeliveries, say, waiting }) => {
      await say('a');
      await redis.lpush(keys.outbox(conversation), 'strange');
      await (typeof stored === 'string'
        ? redis.set(keys.reply('strange'), stored)
        : redis.hset(keys.reply('strange'), stored));
      expect(await nextDeliveries.next(conversation, fence, now)).toMatchObject({
        kind: 'send',
        reply: { id: 'strange.unreadable', conversation, text: unreadableReply },
      });
      expect(await waiting()).toEqual(['strange.unreadable', 'a']);
      const [dead = ''] = await redis.lrange(keys.dead, 0, -1);
      expect(JSON.parse(dead)).toMatchObject({ from: 'outbox', conversation });
      expect(JSON.parse(dead).entry).toContain('strange');
      expect(await redis.ttl(keys.dead)).toBeGreaterThan(0);
    });
  },
);

test('a reply whose numbers cannot be read holds up neither an urgent one nor Twilio’s word of it', async () => {
  await withDepartures(async ({ redis, ledger, say, waiting }) => {
    const deliveries = createDeliveries(redis);
    const outbox = createOutbox(redis, deliveries);
    await say('a', 'b');
    await redis.hset(keys.reply('a'), { seq: 'first', repeats: 'many' });
    await outbox.put([{ id: 'c', conversation, turn: 'turn', text: 'c', urgent: true }]);
    await outbox.put([{ id: 'd', conversation, turn: 'turn', text: 'd', urgent: true }]);
    expect(await waiting()).toEqual(['c', 'd', 'a', 'b']);
    await redis.hset(keys.reply('a'), { status: 'sent', sid: 'sid-a' });
    for (const action of ['once-more', 'later'] as const) {
      expect(await ledger.note('a', conversation, 'sid-a', 'failed', action, 1)).toBe('again');
      await redis.hset(keys.reply('a'), { status: 'sent', sid: 'sid-a', repeats: 'many' });
      await redis.hdel(keys.reply('a'), 'failedSid');
    }
    // One without a place that can be read comes first of the usual ones.
    expect(await waiting()).toEqual(['c', 'd', 'a', 'b']);
    await redis.hset(keys.reply('b'), { status: 'sent', sid: 'sid-b' });
    expect(await ledger.note('b', conversation, 'sid-b', 'failed', 'later', 1)).toBe('again');
    expect(await waiting()).toEqual(['c', 'd', 'a', 'b']);
    await deliveries.close();
  });
});

test('who does not hold the lock changes nothing', async () => {
  await withDepartures(async ({ redis, nextDeliveries, say }) => {
    await say('a');
    await expect(nextDeliveries.next(conversation, { lock, token: 'other' }, now)).rejects.toThrow(
      FencedError,
    );
    expect(await redis.hget(keys.reply('a'), 'status')).toBe('waiting');
    expect(await redis.exists(keys.pace(conversation))).toBe(0);
  });
});
