import { expect, test } from 'vitest';
import { createLog } from '../../shared/runtime/log.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import { createDeliveries, createTurns } from '../../shared/store/queues.ts';
import { sweep } from '../../shared/store/boxes/sweep.ts';
import { withRedis } from '../support/redis.ts';

const log = createLog('test', 'silent');
const phoneOf = (index: number): string => `+1555123${String(index).padStart(4, '0')}`;

test('of many conversations only those with something in a box and no job for it get one', async () => {
  await withRedis(async (redis) => {
    const [turns, deliveries] = [createTurns(redis), createDeliveries(redis)];
    const all = Array.from({ length: 1200 }, (_, index) => phoneOf(index));
    await redis.sadd(keys.conversations, ...all);
    const [stranded = '', unsent = '', waiting = '', stale = '', lost = ''] = all;
    for (const conversation of [stranded, waiting, stale, lost])
      await redis.rpush(keys.inbox(conversation), '{}');
    await redis.rpush(keys.outbox(unsent), 'a');
    await turns.add(waiting);
    // The name of a job that is gone.
    await redis.set(keys.deduplication('turns', stale), 'gone');
    // A script of BullMQ has failed half way.
    await redis.lrem(keys.waitingJobs('turns'), 1, await turns.add(lost));
    expect(await sweep({ redis, turns, deliveries }, log)).toBe(4);
    const conversations = (await turns.queue.getJobs(['waiting'])).map(
      ({ data }) => data.conversation,
    );
    expect(conversations.toSorted()).toEqual([stranded, waiting, stale, lost].toSorted());
    expect(
      (await deliveries.queue.getJobs(['waiting'])).map(({ data }) => data.conversation),
    ).toEqual([unsent]);
    expect(await sweep({ redis, turns, deliveries }, log)).toBe(0);
    await Promise.all([turns.close(), deliveries.close()]);
  });
});
