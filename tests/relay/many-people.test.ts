import { expect, test } from 'vitest';
import { readOverview } from '../../relay/admin/overview.ts';
import { readGauges } from '../../relay/gauges.ts';
import { createSamples } from '../../relay/metric-samples.ts';
import { createAllowList } from '../../relay/people/allow-list.ts';
import { createMembership } from '../../relay/people/membership.ts';
import { createPeople } from '../../relay/people/people.ts';
import { createLog } from '../../shared/runtime/log.ts';
import { createQueues } from '../../shared/store/all-queues.ts';
import { createMoves } from '../../shared/store/homes/moves.ts';
import { keys, prefix } from '../../shared/store/redis/keys.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import { createStores } from '../../shared/store/stores.ts';
import { createTurnList } from '../../shared/store/turns/turn-list.ts';
import { countCommands } from '../../simulator/idle-cost/command-count.ts';
import { withRedis } from '../support/redis.ts';
import { until } from '../support/until.ts';

const log = createLog('test', 'silent');
const phoneOf = (index: number): string => `+1555${String(index).padStart(7, '0')}`;
const owner = phoneOf(0);
const returned = phoneOf(700);

type Cost = <T>(read: () => Promise<T>) => Promise<[seen: T, commands: number]>;

/** Counts the commands of a step. */
async function withCost(redis: Redis, use: (cost: Cost) => Promise<void>): Promise<void> {
  const count = await countCommands(`redis://127.0.0.1:${redis.options.port}`);
  try {
    await use(async (read) => {
      count.reset();
      const seen = await read();
      // MONITOR's lines come in order, and later than the replies.
      await redis.echo('over');
      await until('the last command is counted', () =>
        count.read().commands.some(([name]) => name === 'ECHO'),
      );
      return [seen, count.read().total - 1];
    });
  } finally {
    await count.stop();
  }
}

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
    await withCost(redis, async (cost) => {
      await invite(redis, 1, 101);
      await reconcile();
      const [, few] = await cost(reconcile);
      await invite(redis, 101, 1101);
      const [, many] = await cost(reconcile);
      expect(list.current()).toHaveLength(1101);
      // A trip for every 500 people, to each of three things.
      expect(many - few).toBeLessThanOrEqual(12);
    });
    // They are one person with another conversation, in which something is set aside.
    await redis.hset(keys.person('p-700'), 'conversations', `${returned}, US.1`);
    await redis.rpush(keys.setAsideMessages('US.1'), '{}');
    expect(await stores.setAside.among(list.current())).toEqual([returned]);
    await reconcile();
    const [reply] = await redis.lrange(keys.outbox(owner), 0, -1);
    expect(reply).toContain(`returned.${returned}`);
    await stores.close();
  });
});

test('the people of a home that does not come up are found in a few commands, and those of others are not', async () => {
  await withRedis(async (redis) => {
    await invite(redis, 0, 1200);
    await redis.set(keys.firstHome, 'first');
    await redis.sadd(keys.homes, 'first', 'east');
    for (const index of [3, 900])
      await redis.hset(keys.conversation(phoneOf(index)), 'home', 'east');
    // A second address is the same person.
    await redis.hset(keys.people, 'US.1', 'p-900');
    const moves = createMoves(redis);
    await withCost(redis, async (cost) => {
      await moves.peopleOf('east');
      const [found, commands] = await cost(() => moves.peopleOf('east'));
      expect(found.toSorted()).toEqual(['p-3', 'p-900']);
      expect(commands).toBeLessThanOrEqual(5);
    });
    expect(await moves.peopleOf('first')).toHaveLength(1198);
    expect(await moves.peopleOf('west')).toEqual([]);
  });
});

test('a scrape, the overview and the list of homes cost as much with twenty homes as with two', async () => {
  await withRedis(async (redis) => {
    const stores = createStores(redis, createQueues(redis, {}), { days: 30, log });
    const { homes, spend } = stores;
    const facts = { address: undefined, secret: undefined, takes: 5, version: '1' };
    const registerTo = async (from: number, to: number): Promise<void> => {
      for (let index = from; index < to; index += 1) {
        const name = `home-${index}`;
        await homes.register({ name, id: name, worker: name, mayBeFirst: true }, facts);
      }
    };
    const list = createTurnList(redis);
    const deps = { redis, list, homes, spend, acks: createSamples(1), versions: [] };
    const readers = {
      scrape: async () => (await readGauges(stores, 0)).homes.length,
      overview: async () => (await readOverview(deps, 0, 'UTC')).homes.length,
      list: async () => (await homes.list()).length,
    };
    await withCost(redis, async (cost) => {
      const costAll = async (): Promise<Record<string, [homes: number, commands: number]>> => {
        const found: Record<string, [number, number]> = {};
        for (const [name, read] of Object.entries(readers)) found[name] = await cost(read);
        return found;
      };
      await registerTo(0, 2);
      await costAll();
      const few = await costAll();
      await registerTo(2, 20);
      const many = await costAll();
      for (const [name, [homes, commands]] of Object.entries(many)) {
        expect([name, homes]).toEqual([name, 20]);
        // Redis's memory is read at most once in five seconds.
        const more = commands - (few[name]?.[1] ?? 0);
        expect([name, more <= 1]).toEqual([name, true]);
      }
      expect(few['list']).toEqual([2, 1]);
    });
    await redis.set(`${keys.heartbeat}@home-7`, 'w#1');
    await redis.hset(`${keys.vm}@home-8`, 'state', 'asleep', 'since', 5, 'nextDue', 9);
    await redis.rpush(keys.inbox(owner), '{}', '{}');
    await redis.sadd(`${keys.conversations}@home-7`, owner);
    await redis.hset(keys.conversation(owner), 'home', 'home-7');
    await redis.lpush(`${prefix}:turns@home-7:wait`, 'a');
    await redis.lpush(`${prefix}:turns:wait`, 'b');
    const gauges = await readGauges(stores, 0);
    expect(gauges.homes.filter(({ isAwake }) => isAwake)).toMatchObject([
      { name: 'home-7', messagesWaiting: 2 },
    ]);
    expect(gauges.turns['waiting']).toBe(2);
    const vms = (await readOverview(deps, 0, 'UTC')).homes.map(({ name, vm }) => [name, vm.state]);
    expect(vms).toContainEqual(['home-7', 'awake']);
    expect(vms).toContainEqual(['home-8', 'asleep']);
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
