import { expect, test } from 'vitest';
import { createNextDeliveries } from '../../shared/store/boxes/next-delivery.ts';
import { createFailedMessages } from '../../shared/store/boxes/failed-messages.ts';
import { createIntake } from '../../shared/store/boxes/intake.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import { createLedger } from '../../shared/store/boxes/ledger.ts';
import { createLog } from '../../shared/runtime/log.ts';
import type { Message } from '../../shared/store/message.ts';
import { createOutbox } from '../../shared/store/boxes/outbox.ts';
import { createDeliveries, createTurns } from '../../shared/store/queues.ts';
import type { Deliveries, Turns } from '../../shared/store/queues.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import { sweep } from '../../shared/store/boxes/sweep.ts';
import { createVmState } from '../../shared/store/vm-state.ts';
import { withRedis } from '../support/redis.ts';

const phone = '+15551230001';
const fence = { lock: 'a lock', token: 'mine' };
const log = createLog('test', 'silent');

async function withQueues(
  use: (bench: { redis: Redis; turns: Turns; deliveries: Deliveries }) => Promise<void>,
): Promise<void> {
  await withRedis(async (redis) => {
    const [turns, deliveries] = [createTurns(redis), createDeliveries(redis)];
    await redis.set(fence.lock, fence.token);
    await use({ redis, turns, deliveries });
    await Promise.all([turns.close(), deliveries.close()]);
  });
}

const messageOf = (index: number): Message => ({
  id: `SM${String(index).padStart(32, '0')}`,
  conversation: phone,
  at: new Date(1_800_000_000_000 + index).toISOString(),
  text: `message ${index}`,
  media: [],
  human: true,
});

test('a conversation is among those that wait exactly as long as something is in its inbox or outbox', async () => {
  await withQueues(async ({ redis, turns, deliveries }) => {
    const [accept, outbox, ledger] = [
      createIntake(turns),
      createOutbox(redis, deliveries),
      createLedger(redis),
    ];
    const nextDeliveries = createNextDeliveries(redis, { intervalMs: 1, burst: 1000 });
    const waits = async (): Promise<boolean> =>
      (await redis.sismember(keys.conversations, phone)) === 1;
    const send = async () => {
      const nextDelivery = await nextDeliveries.next(phone, fence, Date.now());
      if (nextDelivery.kind !== 'send') throw new Error(`nothing to send: ${nextDelivery.kind}`);
      return nextDelivery.reply;
    };
    const { id } = messageOf(1);
    await accept(messageOf(1));
    expect(await waits()).toBe(true);
    await outbox.put([{ id: 'a', conversation: phone, turn: 'turn', text: 'a' }], fence, {
      conversation: phone,
      ids: [id],
      kept: [id],
      state: 'failed',
    });
    const reply = await send();
    expect([await waits(), await redis.smembers(keys.givenUp)]).toEqual([true, [phone]]);
    expect(await ledger.accepted(reply, 'sid', 1)).toBe(0);
    expect([await waits(), await redis.smembers(keys.known)]).toEqual([false, [phone]]);
    // A late failure brings it back, and a parked reply is not waited for.
    expect(await ledger.note('a', phone, 'sid', 'failed', 'slow', 63_018)).toBe('again');
    expect(await waits()).toBe(true);
    await redis.hset(keys.reply('a'), 'notBefore', '0');
    expect(await ledger.failed(await send(), 2, 'park', 63_016)).toBe('parked');
    expect(await nextDeliveries.next(phone, fence, Date.now())).toEqual({ kind: 'none' });
    expect([await waits(), await redis.smembers(keys.parking)]).toEqual([false, [phone]]);
    expect(await ledger.unpark(phone)).toBe(1);
    expect([await waits(), await redis.exists(keys.parking)]).toEqual([true, 0]);
    await ledger.accepted(await send(), 'other sid', 3);
    expect(await createFailedMessages(redis, turns).retry(phone, [id])).toBe(1);
    expect([await waits(), await redis.exists(keys.givenUp)]).toEqual([true, 0]);
  });
});

test('a store of the version before, which knew one set of all conversations, is mended by the first look or the sweep', async () => {
  await withQueues(async ({ redis, turns, deliveries }) => {
    const all = Array.from({ length: 1200 }, (_, index) => `+1555${1_000_000 + index}`);
    const [stranded = '', parked = '', failed = ''] = all;
    await redis.sadd(keys.conversations, ...all);
    await redis.rpush(
      keys.inbox(stranded),
      JSON.stringify({ ...messageOf(1), conversation: stranded }),
    );
    await redis.rpush(keys.parked(parked), 'a');
    await redis.hset(keys.conversation(failed), 'failed', '[]');
    const vm = createVmState(redis);
    expect(await vm.waiting(Date.now())).toEqual({ conversations: [stranded], messages: 1 });
    expect([await redis.smembers(keys.conversations), await redis.scard(keys.known)]).toEqual([
      [stranded],
      all.length - 1,
    ]);
    // The sweep does it in small steps, before anybody looks.
    await redis.del(keys.known);
    await redis.sadd(keys.conversations, ...all);
    expect(await sweep({ redis, turns, deliveries }, log)).toBe(1);
    expect([await redis.smembers(keys.conversations), await redis.scard(keys.known)]).toEqual([
      [stranded],
      all.length - 1,
    ]);
    expect([await redis.smembers(keys.parking), await redis.smembers(keys.givenUp)]).toEqual([
      [parked],
      [failed],
    ]);
    await redis.del(keys.inbox(stranded), keys.waitingJobs('turns'));
    expect(await vm.need(Date.now())).toMatchObject({ work: false });
    expect(await redis.exists(keys.conversations)).toBe(0);
  });
});

test('an answer costs Redis no more when thousands of messages wait behind the one that it answers, and the inbox shows them all', async () => {
  await withQueues(async ({ redis, deliveries }) => {
    const outbox = createOutbox(redis, deliveries);
    /** Microseconds that Redis takes for a hundred answers. */
    const cost = async (waiting: number): Promise<number> => {
      await redis.del(keys.inbox(phone));
      await redis.rpush(
        keys.inbox(phone),
        ...Array.from({ length: waiting }, (_, index) => JSON.stringify(messageOf(index))),
      );
      await redis.call('CONFIG', 'RESETSTAT');
      for (let index = 0; index < 100; index += 1) {
        const { left } = await outbox.put(
          [
            {
              id: `${waiting}.${index}`,
              conversation: phone,
              turn: `${waiting}.${index}`,
              text: 'x',
            },
          ],
          fence,
          { conversation: phone, ids: [messageOf(index).id], state: 'answered' },
        );
        expect(left).toBe(waiting - index - 1);
      }
      expect(JSON.parse((await redis.lrange(keys.inbox(phone), 0, 0))[0] ?? '')).toMatchObject({
        text: 'message 100',
      });
      return Number(
        /cmdstat_eval:calls=\d+,usec=(\d+)/.exec(await redis.info('commandstats'))?.[1],
      );
    };
    await cost(200);
    const few = await cost(200);
    expect((await cost(4000)) / few).toBeLessThan(4);
    // One that is not there any more, and one far behind.
    expect(
      await outbox.put([], fence, {
        conversation: phone,
        ids: ['gone', messageOf(3999).id, messageOf(2000).id],
        state: 'answered',
      }),
    ).toEqual({ added: 0, left: 3898 });
    expect((await redis.lrange(keys.inbox(phone), -1, -1))[0]).toContain('message 3998');
  });
});
