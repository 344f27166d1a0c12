import { expect, test } from 'vitest';
import { NotAllowedError } from '../../shared/store/allowed.ts';
import { createNextDeliveries } from '../../shared/store/boxes/next-delivery.ts';
import { createIntake } from '../../shared/store/boxes/intake.ts';
import type { Sender } from '../../shared/store/boxes/intake.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import type { Message } from '../../shared/store/message.ts';
import { createOutbox } from '../../shared/store/boxes/outbox.ts';
import { createDeliveries, createTurns } from '../../shared/store/queues.ts';
import { newSid } from '../support/relay-bench.ts';
import { withRedis } from '../support/redis.ts';

const conversation = '+15551230001';
const fence = { lock: keys.jobLock('turns', '1'), token: 'mine' };
const listed = { list: 'x', '+15551230002': 'allowed since the beginning, by a relay' };
const at = (minute: number): Message => ({
  id: newSid(),
  conversation,
  at: `2026-11-29T12:0${minute}:00.000Z`,
  text: 'hello',
  media: [],
});

test('who may not write is not taken in, nor what was missed of the time before they were allowed', async () => {
  await withRedis(async (redis) => {
    const turns = createTurns(redis);
    const accept = createIntake(turns);
    const sender: Sender = { address: conversation, conversation, proven: [], rivals: [] };
    await redis.hset(keys.allowed, listed);
    expect((await accept(at(1), sender)).outcome).toBe('refused');
    expect(await redis.exists(keys.inbox(conversation))).toBe(0);
    await redis.hset(
      keys.allowed,
      conversation,
      'allowed since 2026-11-29T12:05:00.000Z, by a relay',
    );
    expect((await accept(at(4), { ...sender, missed: true })).outcome).toBe('refused');
    expect(await redis.exists(keys.inbox(conversation))).toBe(0);
    expect((await accept(at(6), { ...sender, missed: true })).outcome).toBe('new');
    expect((await accept(at(4), sender)).outcome).toBe('new');
    await turns.close();
  });
});

test('who may not write any more is neither answered nor sent what waits', async () => {
  await withRedis(async (redis) => {
    const deliveries = createDeliveries(redis);
    const outbox = createOutbox(redis, deliveries);
    await redis.set(fence.lock, fence.token);
    await outbox.put([{ id: 'r1', conversation, turn: 'turn', text: 'hello' }], fence);
    await redis.hset(keys.allowed, listed);
    await expect(
      outbox.put([{ id: 'r2', conversation, turn: 'turn', text: 'hello' }], fence),
    ).rejects.toThrow(NotAllowedError);
    expect(await redis.exists(keys.reply('r2'))).toBe(0);
    const nextDeliveries = createNextDeliveries(redis, { intervalMs: 1, burst: 10 });
    expect(await nextDeliveries.next(conversation, fence, Date.now())).toEqual({ kind: 'none' });
    expect(await redis.hget(keys.reply('r1'), 'attempts')).toBeNull();
    await deliveries.close();
  });
});
