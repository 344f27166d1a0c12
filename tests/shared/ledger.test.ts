import { expect, test } from 'vitest';
import { FencedError } from '../../shared/store/boxes/inbox.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import { createLedger } from '../../shared/store/boxes/ledger.ts';
import type { Ledger } from '../../shared/store/boxes/ledger.ts';
import { createOutbox } from '../../shared/store/boxes/outbox.ts';
import type { Outbox } from '../../shared/store/boxes/outbox.ts';
import { createDeliveries } from '../../shared/store/queues.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import type { Reply } from '../../shared/store/reply.ts';
import { withRedis } from '../support/redis.ts';

const conversation = '+15551230001';

type Bench = {
  redis: Redis;
  ledger: Ledger;
  outbox: Outbox;
  say: (...ids: string[]) => Promise<void>;
  reply: (id: string) => Promise<Reply>;
  send: (id: string, sid: string) => Promise<void>;
  waiting: () => Promise<string[]>;
};

async function withLedger(run: (bench: Bench) => Promise<void>): Promise<void> {
  await withRedis(async (redis) => {
    const deliveries = createDeliveries(redis);
    const ledger = createLedger(redis);
    const outbox = createOutbox(redis, deliveries);
    const reply = async (id: string): Promise<Reply> => {
      const found = await ledger.find(id);
      if (!found) throw new Error(`no reply ${id}`);
      return found;
    };
    await run({
      redis,
      ledger,
      outbox,
      reply,
      say: async (...ids) =>
        void (await outbox.put(ids.map((id) => ({ id, conversation, turn: 'turn', text: id })))),
      async send(id, sid) {
        const attempt = await ledger.begin(undefined, await reply(id));
        await ledger.accepted(await reply(id), sid, attempt ?? 0);
      },
      waiting: () => redis.lrange(keys.outbox(conversation), 0, -1),
    });
    await deliveries.close();
  });
}

test('late failures come back in the order in which they were said, whatever order they are told in', async () => {
  await withLedger(async ({ ledger, say, send, waiting }) => {
    await say('r1', 'r2', 'r3', 'r4');
    for (const id of ['r1', 'r2', 'r3']) await send(id, `sid-${id}`);
    for (const id of ['r1', 'r3', 'r2'])
      expect(await ledger.note(id, conversation, `sid-${id}`, 'failed', 'slow', 63_018)).toBe(
        'again',
      );
    expect(await waiting()).toEqual(['r1', 'r2', 'r3', 'r4']);
  });
});

test('parked replies come back in the order in which they were said', async () => {
  await withLedger(async ({ ledger, say, send, waiting }) => {
    await say('p1', 'p2');
    for (const id of ['p1', 'p2']) await send(id, `sid-${id}`);
    for (const id of ['p2', 'p1'])
      expect(await ledger.note(id, conversation, `sid-${id}`, 'failed', 'park', 63_016)).toBe(
        'parked',
      );
    await say('p3');
    expect(await ledger.unpark(conversation)).toBe(2);
    expect(await waiting()).toEqual(['p1', 'p2', 'p3']);
  });
});

test('a status callback that settles an unclear send keeps it from being sent again', async () => {
  await withLedger(async ({ ledger, say, reply, waiting }) => {
    await say('r1');
    await ledger.begin(undefined, await reply('r1'));
    const unclear = await reply('r1');
    expect(await ledger.note('r1', conversation, 'sid-1', 'sent', 'give-up', undefined)).toBe(
      'noted',
    );
    expect(await ledger.begin(undefined, unclear)).toBeUndefined();
    expect(await waiting()).toEqual([]);
  });
});

test.each(['waiting', 'posting', 'sent'])(
  'what Twilio has accepted is sent, although a restored store has lost the attempt: %s',
  async (status) => {
    await withLedger(async ({ redis, ledger, say, reply, send, waiting }) => {
      await say('r1', 'r2');
      const first = (await ledger.begin(undefined, await reply('r1'))) ?? 0;
      await ledger.failed(await reply('r1'), first, 'later', 20_429);
      const second = (await ledger.begin(undefined, await reply('r1'))) ?? 0;
      await redis.hset(keys.reply('r1'), { status, attempts: first });
      expect(await ledger.accepted(await reply('r1'), 'sid-2', second)).toBe(1);
      expect(await reply('r1')).toMatchObject({ status: 'queued', sid: 'sid-2', attempts: 2 });
      // A later attempt still takes precedence.
      await ledger.begin(undefined, await reply('r2'));
      await send('r2', 'sid-3');
      await ledger.accepted(await reply('r2'), 'sid-4', 1);
      expect(await reply('r2')).toMatchObject({ sid: 'sid-3', attempts: 2 });
      expect(await waiting()).toEqual([]);
    });
  },
);

test('a failure of what a store has lost is noted for a reply without an attempt, and for no other', async () => {
  await withLedger(async ({ redis, ledger, say, reply, waiting }) => {
    await say('r1', 'r2');
    const note = (id: string): Promise<string> =>
      ledger.note(id, conversation, `sid-${id}`, 'failed', 'give-up', 63_022);
    for (const id of ['r1', 'r2']) {
      await redis.set(keys.sent(`sid-${id}`), id);
      await redis.hset(keys.reply(id), 'status', 'posting');
    }
    await redis.hset(keys.reply('r2'), 'attempts', 1);
    expect([await note('r1'), await note('r2')]).toEqual(['failed', 'stale']);
    expect([(await reply('r1')).status, (await reply('r2')).status]).toEqual(['failed', 'posting']);
    expect(await waiting()).toEqual(['r2']);
  });
});

test('the word of an attempt that another has overtaken changes nothing', async () => {
  await withLedger(async ({ ledger, say, reply, waiting }) => {
    await say('r1');
    const cutOff = await ledger.begin(undefined, await reply('r1'));
    const second = await ledger.begin(undefined, await reply('r1'));
    await ledger.accepted(await reply('r1'), 'sid-1', second ?? 0);
    await ledger.note('r1', conversation, 'sid-1', 'delivered', 'give-up', undefined);
    expect(await ledger.failed(await reply('r1'), cutOff ?? 0, 'later', 20_429)).toBeUndefined();
    expect(await waiting()).toEqual([]);
    expect((await reply('r1')).status).toBe('delivered');
  });
});

test('the word of an attempt that another has overtaken changes nothing while that one still posts', async () => {
  await withLedger(async ({ ledger, say, reply, waiting }) => {
    await say('r1');
    const first = (await ledger.begin(undefined, await reply('r1'))) ?? 0;
    const second = (await ledger.begin(undefined, await reply('r1'))) ?? 0;
    expect([first, second]).toEqual([1, 2]);
    expect(await ledger.failed(await reply('r1'), first, 'give-up', 21_211)).toBeUndefined();
    expect(await reply('r1')).toMatchObject({ status: 'posting', attempts: 2 });
    await ledger.accepted(await reply('r1'), 'sid-of-the-first', first);
    expect((await reply('r1')).status).toBe('posting');
    expect((await reply('r1')).sid).toBeUndefined();
    expect(await waiting()).toEqual(['r1']);
  });
});

test('only who holds the lock begins an attempt', async () => {
  await withLedger(async ({ redis, ledger, say, reply }) => {
    await say('r1');
    const lock = keys.jobLock('deliveries', '1');
    await redis.set(lock, 'other');
    await expect(ledger.begin({ lock, token: 'mine' }, await reply('r1'))).rejects.toThrow(
      FencedError,
    );
    expect(await reply('r1')).toMatchObject({ status: 'waiting', attempts: 0 });
  });
});

test('a failure that is told again leads to the same again, for whoever died before acting on it', async () => {
  await withLedger(async ({ ledger, say, send }) => {
    await say('r1', 'r2', 'r3');
    for (const id of ['r1', 'r2', 'r3']) await send(id, `sid-${id}`);
    for (let time = 0; time < 2; time += 1) {
      expect(await ledger.note('r1', conversation, 'sid-r1', 'failed', 'give-up', 63_021)).toBe(
        'failed',
      );
      expect(await ledger.note('r2', conversation, 'sid-r2', 'failed', 'park', 63_016)).toBe(
        'parked',
      );
      expect(await ledger.note('r3', conversation, 'sid-r3', 'failed', 'later', 63_017)).toBe(
        'again',
      );
    }
  });
});

test('a question that WhatsApp does not take goes out once more as text, in its place; anything else is given up', async () => {
  await withLedger(async ({ ledger, outbox, say, send, reply, waiting }) => {
    await outbox.put([
      {
        id: 'q1',
        conversation,
        turn: 'turn',
        text: 'Which?',
        choices: { kind: 'buttons', items: [{ id: 'q1.1', title: 'This' }] },
      },
    ]);
    await say('r1', 'r2');
    for (const id of ['q1', 'r1']) await send(id, `sid-${id}`);
    expect(await ledger.note('q1', conversation, 'sid-q1', 'failed', 'as-text', 63_013)).toBe(
      'again',
    );
    expect(await ledger.note('q1', conversation, 'sid-q1', 'failed', 'as-text', 63_013)).toBe(
      'again',
    );
    expect(await waiting()).toEqual(['q1', 'r2']);
    expect(await reply('q1')).toMatchObject({
      asText: '1',
      status: 'waiting',
      notBefore: 0,
      repeats: 0,
      choices: { kind: 'buttons' },
    });
    await send('q1', 'sid-q1-text');
    expect(await ledger.note('q1', conversation, 'sid-q1-text', 'failed', 'as-text', 63_013)).toBe(
      'failed',
    );
    expect(await ledger.note('r1', conversation, 'sid-r1', 'failed', 'as-text', 63_013)).toBe(
      'failed',
    );
    expect(await waiting()).toEqual(['r2']);
  });
});
