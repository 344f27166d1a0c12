import { expect, test } from 'vitest';
import { createIntake } from '../../shared/store/boxes/intake.ts';
import type { Placement, Sender } from '../../shared/store/boxes/intake.ts';
import { createNextDeliveries } from '../../shared/store/boxes/next-delivery.ts';
import { createOutbox } from '../../shared/store/boxes/outbox.ts';
import { createSnapshots, ElsewhereError } from '../../shared/store/boxes/snapshot.ts';
import { sweep } from '../../shared/store/boxes/sweep.ts';
import { createHomeRegistry } from '../../shared/store/homes/registry.ts';
import type { HomeRegistry } from '../../shared/store/homes/registry.ts';
import { createDeliveries, createTurns } from '../../shared/store/queues.ts';
import type { Turns } from '../../shared/store/queues.ts';
import { keys, ofHome, prefix } from '../../shared/store/redis/keys.ts';
import type { HomeSuffix } from '../../shared/store/redis/keys.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import { createVmState } from '../../shared/store/vm-state.ts';
import { createLog } from '../../shared/runtime/log.ts';
import { withRedis } from '../support/redis.ts';
import { newSid } from '../support/relay-bench.ts';

const phoneOf = (index: number): string => `+1555123${String(index).padStart(4, '0')}`;
const senderOf = (conversation: string): Sender => ({
  address: conversation,
  conversation,
  proven: [],
  rivals: [],
});
const messageOf = (conversation: string, id = newSid()) => ({
  id,
  conversation,
  at: new Date().toISOString(),
  text: 'hello',
  media: [],
});

type Bench = {
  redis: Redis;
  registry: HomeRegistry;
  /** Registers a home that takes so many people. */
  addHome(name: string, takes?: number): Promise<void>;
  /** A relay's intake, with what it remembers of its own. */
  relay(placement?: Placement): (conversation: string, id?: string) => Promise<string>;
  /** The jobs that wait in a queue. */
  waiting(queue: string): Promise<string[]>;
};

async function withHomes(run: (bench: Bench) => Promise<void>): Promise<void> {
  await withRedis(async (redis) => {
    const opened: Turns[] = [];
    let age = 0;
    const registry = createHomeRegistry(redis, () => new Date((age += 1000)));
    try {
      await run({
        redis,
        registry,
        addHome: async (name, takes) =>
          void (await registry.register(
            { name, id: `disk of ${name}`, worker: name, mayBeFirst: false },
            { address: undefined, secret: undefined, takes, version: '1' },
          )),
        relay(placement = 'shared') {
          const turns = createTurns(redis);
          opened.push(turns);
          const accept = createIntake(turns, 30, placement);
          return async (conversation, id) =>
            (await accept(messageOf(conversation, id), senderOf(conversation))).outcome;
        },
        waiting: (queue) => redis.lrange(`${prefix}:${queue}:wait`, 0, -1),
      });
    } finally {
      await Promise.all(opened.map((turns) => turns.close()));
    }
  });
}

test('a new person gets a home with the first message and keeps it; one who wrote before there were homes has the first', async () => {
  await withHomes(async ({ redis, addHome, relay, waiting }) => {
    const accept = relay('own');
    const [old, known, ann, bob] = [0, 1, 2, 3].map(phoneOf) as [string, string, string, string];
    // As a version without homes stores it: a conversation, a turn, and a directory in the record.
    expect(await accept(old)).toBe('new');
    await redis.hset(keys.people, known, 'p-1');
    await redis.hset(keys.person('p-1'), 'home', '/data/people/p-1');
    expect(await redis.hgetall(keys.conversation(old))).not.toHaveProperty('home');
    await redis.hset(keys.home('one'), 'people', '2');
    await redis.set(keys.firstHome, 'one');
    await redis.sadd(keys.homes, 'one');
    await addHome('two');
    for (const conversation of [old, known, ann, ann])
      expect(await accept(conversation)).toBe('new');
    expect(await redis.hget(keys.conversation(ann), 'home')).toBe('two');
    expect(await redis.hget(keys.conversation(known), 'home')).toBeNull();
    expect(await waiting('turns')).toHaveLength(2);
    expect(await waiting('turns@two')).toHaveLength(1);
    expect(await redis.smembers(ofHome(keys.conversations, '@two'))).toEqual([ann]);
    const first = `SM${'b'.repeat(32)}`;
    expect(await accept(bob, first)).toBe('no-home');
    expect(await accept(bob, first)).toBe('no-home');
    expect(await redis.exists(keys.conversation(bob), keys.inbox(bob))).toBe(0);
    expect(await redis.hget(keys.message(first), 'state')).toBe('refused');
    expect(await redis.ttl(keys.message(first))).toBeGreaterThan(0);
    await addHome('three');
    expect(await accept(bob)).toBe('new');
    // What the person was asked to write again is not taken in beside the copy.
    expect(await accept(bob, first)).toBe('duplicate');
    expect(await redis.llen(keys.inbox(bob))).toBe(1);
    expect(await redis.hget(keys.conversation(bob), 'home')).toBe('three');
  });
});

test('a second conversation of a person is in the person’s home', async () => {
  await withHomes(async ({ redis, addHome, relay }) => {
    await addHome('one', 1);
    await addHome('two');
    const accept = relay();
    await redis.hset(keys.people, phoneOf(0), 'p-1');
    await redis.hset(keys.person('p-1'), 'home', 'two');
    expect(await accept(phoneOf(0))).toBe('new');
    expect(await redis.hget(keys.conversation(phoneOf(0)), 'home')).toBe('two');
    // Which has taken no place.
    expect(await redis.hget(keys.home('two'), 'people')).toBe('0');
  });
});

test('several relays that guess wrong store each message once, add one turn in the right queue and give no place twice', async () => {
  await withHomes(async ({ redis, registry, addHome, relay, waiting }) => {
    const names = ['one', 'two', 'three', 'four'];
    for (const name of names) await addHome(name, 2);
    const relays = [relay(), relay(), relay()];
    const people = Array.from({ length: 10 }, (_, index) => phoneOf(index));
    const outcomes = await Promise.all(
      people.flatMap((conversation) => {
        const id = newSid();
        return relays.map(async (accept) => await accept(conversation, id));
      }),
    );
    const count = (outcome: string): number => outcomes.filter((one) => one === outcome).length;
    expect([count('new'), count('duplicate'), count('no-home')]).toEqual([8, 16, 6]);
    expect((await registry.list()).map(({ people: given }) => given)).toEqual([2, 2, 2, 2]);
    for (const queue of ['turns', 'turns@two', 'turns@three', 'turns@four']) {
      const jobs = await waiting(queue);
      expect(jobs).toHaveLength(2);
      for (const id of jobs)
        expect(await redis.hget(keys.job(queue, id), 'placeholder')).toBeNull();
    }
    const jobKeys = await redis.keys(`${prefix}:turns*:SM*`);
    expect(jobKeys).toHaveLength(8);
  });
});

test('what another home puts for a person is delivered by the person’s own, and a job in the wrong queue does nothing', async () => {
  await withHomes(async ({ redis, addHome, relay, waiting }) => {
    await addHome('one', 1);
    await addHome('two', 1);
    const accept = relay();
    const [ann, bob] = [phoneOf(0), phoneOf(1)];
    for (const conversation of [ann, bob]) await accept(conversation);
    const told: string[] = [];
    const onForeign = (home: HomeSuffix): void => void told.push(home);
    const foreign = createDeliveries(redis, { home: '@three', onForeign });
    const outbox = createOutbox(redis, foreign);
    for (const conversation of [ann, bob])
      await outbox.put([{ id: `to ${conversation}`, conversation, turn: 'T', text: 'x' }]);
    // Their VMs may be asleep.
    expect(told).toEqual(['', '@two']);
    expect(await waiting('deliveries@three')).toEqual([]);
    expect(
      [await waiting('deliveries'), await waiting('deliveries@two')].map((jobs) => jobs.length),
    ).toEqual([1, 1]);
    // As a version that knows one home adds them.
    const fence = { lock: keys.jobLock('turns', 'T'), token: 'mine' };
    await redis.set(fence.lock, fence.token);
    const read = (home: HomeSuffix) => createSnapshots(redis, home).read(bob, fence, 'T:1');
    await expect(read('')).rejects.toThrow(ElsewhereError);
    expect(await redis.exists(keys.attempts(bob))).toBe(0);
    expect((await read('@two')).messages).toHaveLength(1);
    const next = createNextDeliveries(redis, { intervalMs: 1, burst: 10 });
    const stray = { lock: keys.jobLock('deliveries', 'D'), token: 'mine' };
    await redis.set(stray.lock, stray.token);
    expect((await next.next(bob, stray, Date.now(), '')).kind).toBe('elsewhere');
    expect((await next.next(bob, stray, Date.now(), '@two')).kind).toBe('send');
    await foreign.close();
  });
});

test('a home looks at its own people only: what waits elsewhere keeps it neither awake nor from sleeping', async () => {
  await withHomes(async ({ redis, addHome, relay }) => {
    await addHome('one', 1);
    await addHome('two', 1);
    const accept = relay();
    const bob = phoneOf(1);
    for (const conversation of [phoneOf(0), bob]) await accept(conversation);
    await redis.del(`${prefix}:turns@two:wait`, keys.deduplication('turns@two', bob));
    await redis.set(keys.heartbeat, 'w#1');
    const [first, second] = [createVmState(redis), createVmState(redis, '@two')];
    expect((await second.need(Date.now())).heartbeatMs).toBe(0);
    expect((await second.waiting(Date.now())).conversations).toEqual([bob]);
    await redis.del(`${prefix}:turns:wait`, keys.inbox(phoneOf(0)));
    // Where an earlier version has noted it.
    await redis.sadd(keys.conversations, bob);
    expect(await first.fallAsleep('w', Date.now(), 0)).toBe(true);
    expect(await redis.smembers(keys.conversations)).toEqual([]);
    expect(await second.fallAsleep('v', Date.now(), 0)).toBe(false);
    const [turns, deliveries] = [createTurns(redis), createDeliveries(redis)];
    const log = createLog('test', 'silent');
    expect(await sweep({ redis, turns, deliveries }, log, ['', '@two'])).toBe(1);
    expect(await redis.llen(`${prefix}:turns@two:wait`)).toBe(1);
    await Promise.all([turns.close(), deliveries.close()]);
  });
});
