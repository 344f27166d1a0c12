import { expect, test } from 'vitest';
import { createAllowList } from '../../relay/people/allow-list.ts';
import { createMembership } from '../../relay/people/membership.ts';
import { createPeople } from '../../relay/people/people.ts';
import { createLog } from '../../shared/runtime/log.ts';
import { createQueues } from '../../shared/store/all-queues.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import { createStores } from '../../shared/store/stores.ts';
import { countCommands } from '../../simulator/idle-cost/command-count.ts';
import { withRedis } from '../support/redis.ts';

const log = createLog('test', 'silent');
const phoneOf = (index: number): string => `+1555${String(index).padStart(7, '0')}`;
const owner = phoneOf(0);
const returned = phoneOf(700);

/** People whom the owner has invited, with their records. */
async function invite(redis: Redis, from: number, to: number): Promise<void> {
  const step = redis.pipeline();
  for (let index = from; index < to; index += 1) {
    const [phone, id] = [phoneOf(index), `p-${index}`];
    step.hset(keys.allowed, phone, `allowed since 2026-01-01T00:00:00.000Z, invited by ${owner}`);
    step.hset(keys.people, phone, id);
    step.hset(keys.person(id), { conversations: phone, addresses: `${phone} (WhatsApp)` });
    step.sadd(keys.known, phone);
  }
  await step.exec();
}

test('what a relay asks at its start hardly grows with the people, and it finds who is back', async () => {
  await withRedis(async (redis) => {
    const queues = createQueues(redis, {});
    const stores = createStores(redis, queues, { days: 30, log });
    const list = createAllowList({ redis, allowed: [owner], owner, log });
    const reconcile = createMembership({ stores, list, log });
    const { port } = redis.options;
    const count = await countCommands(`redis://127.0.0.1:${port}`);
    const counted = async (): Promise<number> => {
      count.reset();
      await reconcile();
      return count.read().total;
    };
    await invite(redis, 1, 101);
    await counted();
    const few = await counted();
    await invite(redis, 101, 1101);
    const many = await counted();
    expect(list.current()).toHaveLength(1101);
    // A trip for every 500 people, to each of three things.
    expect(many - few).toBeLessThanOrEqual(12);
    // They are one person with another conversation, in which something is set aside.
    await redis.hset(keys.person('p-700'), 'conversations', `${returned}, US.1`);
    await redis.rpush(keys.setAsideMessages('US.1'), '{}');
    expect(await stores.setAside.among(list.current())).toEqual([returned]);
    await reconcile();
    const [reply] = await redis.lrange(keys.outbox(owner), 0, -1);
    expect(reply).toContain(`returned.${returned}`);
    await count.stop();
    await stores.close();
  });
});

test('a stranger’s number is looked up among ten thousand, and costs no look at each', () => {
  const people = Array.from({ length: 10_000 }, (_, index) => phoneOf(index));
  let read = 0;
  const counting = new Proxy(people, {
    get(target, name) {
      if (typeof name === 'string' && /^\d+$/.test(name)) read += 1;
      return Reflect.get(target, name) as unknown;
    },
  });
  const aliases = {
    known: () => undefined,
    find: async () => undefined,
    learn: () => undefined,
    forget: async () => undefined,
  };
  const listed = createPeople(counting, aliases);
  read = 0;
  // One digit more than the first person's number.
  expect([listed.nearTo('+15550000000')?.length, read]).toEqual([undefined, 0]);
  expect([listed.nearTo('+105550000000'), read]).toEqual([owner, 0]);
});
