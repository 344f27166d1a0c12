import { expect, test } from 'vitest';
import { createIntake } from '../../shared/store/boxes/intake.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import { createTurns } from '../../shared/store/queues.ts';
import { createVmState } from '../../shared/store/vm-state.ts';
import { otherPhone, phone } from '../support/pipeline.ts';
import { withRedis } from '../support/redis.ts';
import { newSid } from '../support/relay-bench.ts';

test('who waits for the computer are those whose turn is due; all messages count', async () => {
  await withRedis(async (redis) => {
    const turns = createTurns(redis);
    const [accept, vm, now] = [createIntake(turns), createVmState(redis), Date.now()];
    try {
      const put = async (conversation: string): Promise<string> =>
        (
          await accept({
            id: newSid(),
            conversation,
            at: new Date().toISOString(),
            text: 'x',
            media: [],
          })
        ).turn;
      const [turn] = [await put(phone), await put(otherPhone)];
      await redis.lrem(keys.waitingJobs('turns'), 1, turn);
      // As BullMQ keeps what is put off: the time above twelve bits of a counter.
      await redis.zadd(keys.delayed('turns'), (now + 3600_000) * 0x1000 + 5, turn);
      expect(await vm.waiting(now)).toEqual({ conversations: [otherPhone], messages: 2 });
      expect((await vm.waiting(now, [phone])).conversations).toEqual([]);
      const due = await vm.waiting(now + 3600_000);
      expect(due.conversations.toSorted()).toEqual([phone, otherPhone]);
      // Without a turn at all it is due.
      await redis.del(keys.deduplication('turns', phone));
      expect((await vm.waiting(now, [phone])).conversations).toEqual([phone]);
    } finally {
      await turns.close();
    }
  });
});

test('a home is needed for what it sends and says for one that does not come up, and not for that one’s turns', async () => {
  await withRedis(async (redis) => {
    const [vm, now] = [createVmState(redis), Date.now()];
    const needs = async (): Promise<boolean> => (await vm.need(now)).work;
    await redis.sadd(keys.helps, '@east');
    await redis.lpush(keys.waitingJobs('turns@east'), 'T');
    expect(await needs()).toBe(false);
    for (const queue of ['deliveries@east', 'schedules@east']) {
      await redis.lpush(keys.waitingJobs(queue), 'D');
      expect(await needs()).toBe(true);
      await redis.del(keys.waitingJobs(queue));
    }
    await redis.lpush(keys.waitingJobs('deliveries@east'), 'D');
    await redis.del(keys.helps);
    expect(await needs()).toBe(false);
  });
});
