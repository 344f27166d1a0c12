import { expect, test } from 'vitest';
import { keys } from '../../shared/store/redis/keys.ts';
import { createLedger } from '../../shared/store/boxes/ledger.ts';
import type { CarrierStatus, Ledger } from '../../shared/store/boxes/ledger.ts';
import { createOutbox } from '../../shared/store/boxes/outbox.ts';
import { createDeliveries } from '../../shared/store/queues.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import type { Reply } from '../../shared/store/reply.ts';
import { withRedis } from '../support/redis.ts';

const conversation = '+15551230001';
const now = Date.parse('2026-01-31T12:00:00Z');

type Bench = {
  redis: Redis;
  ledger: Ledger;
  reply: (id?: string) => Promise<Reply>;
  begin: () => Promise<number>;
  say: (status: CarrierStatus, sid?: string) => Promise<string>;
  waiting: () => Promise<string[]>;
};

/** The reply r1 is in the outbox; the clock stands still. */
async function withReply(run: (bench: Bench) => Promise<void>): Promise<void> {
  await withRedis(async (redis) => {
    const deliveries = createDeliveries(redis);
    const ledger = createLedger(redis, () => new Date(now));
    await createOutbox(redis, deliveries).put([
      { id: 'r1', conversation, turn: 'turn', text: 'hello' },
    ]);
    const reply = async (id = 'r1'): Promise<Reply> => {
      const found = await ledger.find(id);
      if (!found) throw new Error(`no reply ${id}`);
      return found;
    };
    await run({
      redis,
      ledger,
      reply,
      begin: async () => (await ledger.begin(undefined, await reply())) ?? 0,
      say: (status, sid = 'sid-1') =>
        ledger.note(
          'r1',
          conversation,
          sid,
          status,
          'later',
          status === 'failed' ? 63_017 : undefined,
        ),
      waiting: () => redis.lrange(keys.outbox(conversation), 0, -1),
    });
    await deliveries.close();
  });
}

test('what a callback has settled is not begun again, and does not hold up the outbox', async () => {
  await withReply(async ({ redis, ledger, reply, begin, waiting }) => {
    await begin();
    // The callback was here, and its process died before it told all.
    await redis.hset(keys.reply('r1'), 'sid', 'sid-1');
    expect(await ledger.begin(undefined, await reply())).toBeUndefined();
    expect(await waiting()).toEqual([]);
    expect((await reply()).attempts).toBe(1);
  });
});

test('a reply’s state never goes back: not by a late callback, one of an earlier attempt, or a late refusal', async () => {
  await withReply(async ({ redis, ledger, reply, begin, say, waiting }) => {
    const attempt = await begin();
    await ledger.accepted(await reply(), 'sid-1', attempt);
    for (const status of ['sent', 'delivered'] as const) expect(await say(status)).toBe('noted');
    for (const status of ['queued', 'sent', 'delivered', 'failed'] as const)
      expect([status, await say(status)]).toEqual([status, 'stale']);
    for (const status of ['read', 'failed'] as const)
      expect([status, await say(status, 'sid-of-another-attempt')]).toEqual([status, 'stale']);
    expect(await ledger.failed(await reply(), attempt, 'later', 20_429)).toBeUndefined();
    expect(await reply()).toMatchObject({ status: 'delivered', sid: 'sid-1' });
    expect(await waiting()).toEqual([]);
    expect(await redis.exists(keys.sent('sid-of-another-attempt'))).toBe(0);
  });
});

test('a callback about a reply in a state of a later version changes nothing and fails nothing', async () => {
  await withReply(async ({ redis, begin, say }) => {
    await begin();
    await say('sent');
    await redis.hset(keys.reply('r1'), 'status', 'translating');
    for (const status of ['queued', 'delivered', 'failed'] as const)
      expect(await say(status)).toBe('stale');
    expect(await redis.hget(keys.reply('r1'), 'status')).toBe('translating');
  });
});

test('the pause before a repeat doubles from a second to a minute; what is sent once more is given up at the second refusal', async () => {
  await withReply(async ({ ledger, reply, begin }) => {
    const pauses: number[] = [];
    for (let time = 0; time < 8; time += 1) {
      expect(await ledger.failed(await reply(), await begin(), 'later', 20_429)).toBe('again');
      pauses.push(((await reply()).notBefore - now) / 1000);
    }
    expect(pauses).toEqual([1, 2, 4, 8, 16, 32, 60, 60]);
    expect(await ledger.failed(await reply(), await begin(), 'once-more', 63_021)).toBe('failed');
  });
  await withReply(async ({ ledger, reply, begin }) => {
    expect(await ledger.failed(await reply(), await begin(), 'once-more', 63_021)).toBe('again');
    expect(await ledger.failed(await reply(), await begin(), 'once-more', 63_021)).toBe('failed');
  });
});

test('a notice is entered once and tried once: it is neither repeated nor parked', async () => {
  await withReply(async ({ redis, ledger, reply }) => {
    for (const [id, action] of [
      ['n1', 'later'],
      ['n2', 'park'],
      ['n3', 'slow'],
    ] as const) {
      const notice = { id, conversation, turn: 'turn', text: 'Waking up.' };
      expect([await ledger.addNotice(notice), await ledger.addNotice(notice)]).toEqual([
        true,
        false,
      ]);
      const attempt = (await ledger.begin(undefined, await reply(id))) ?? 0;
      expect(await ledger.failed(await reply(id), attempt, action, 63_016)).toBe('failed');
    }
    expect(await redis.lrange(keys.outbox(conversation), 0, -1)).toEqual(['r1']);
    expect(await redis.exists(keys.parked(conversation))).toBe(0);
  });
});

test('a parked reply waits once, however often its failure is told, and its time begins anew when it goes on', async () => {
  await withReply(async ({ redis, ledger, reply, begin }) => {
    await redis.hset(keys.reply('r1'), 'at', '2026-01-01T00:00:00.000Z');
    await redis.rpush(keys.parked(conversation), 'r1');
    expect(await ledger.failed(await reply(), await begin(), 'park', 63_016)).toBe('parked');
    expect(await redis.lrange(keys.parked(conversation), 0, -1)).toEqual(['r1']);
    expect(await ledger.unpark(conversation)).toBe(1);
    expect(await reply()).toMatchObject({ status: 'waiting', at: new Date(now).toISOString() });
  });
});

test('a reply that comes back into the store takes the message that was claimed for it while it was gone', async () => {
  await withReply(async ({ redis, ledger, reply, waiting }) => {
    const sent = await reply();
    await ledger.begin(undefined, sent);
    // Twilio has it, and the store loses the reply: what the worker notes then is the claim alone.
    await redis.del(keys.reply('r1'), keys.outbox(conversation));
    await ledger.accepted({ ...sent, attempts: 1 }, 'sid-1', 1);
    expect(await ledger.find('r1')).toBeUndefined();
    const deliveries = createDeliveries(redis);
    await createOutbox(redis, deliveries).put([
      { id: 'r1', conversation, turn: 'turn', text: 'hello' },
    ]);
    await deliveries.close();
    await redis.hset(keys.reply('r1'), 'status', 'posting', 'attempts', '0');
    const back = await reply();
    expect([
      await ledger.isClaimed('sid-1', back),
      await ledger.isClaimed('sid-1'),
      await ledger.isClaimed('sid-1', { id: 'r2', attempts: 0 }),
    ]).toEqual([false, true, true]);
    // A message of an attempt that is known is not its next one.
    expect(await ledger.isClaimed('sid-1', { ...back, attempts: 1 })).toBe(true);
    await ledger.accepted(back, 'sid-1', 0);
    expect([await reply(), await waiting()]).toMatchObject([
      { status: 'queued', sid: 'sid-1' },
      [],
    ]);
  });
});
