import { expect, test } from 'vitest';
import { keys, prefix } from '../../../shared/store/redis/keys.ts';
import { createSchedules } from '../../../shared/store/schedules.ts';
import { signIn } from '../../support/admin-client.ts';
import { withFleet, fleetPhones } from '../../support/fleet-bench.ts';
import type { Fleet } from '../../support/fleet-bench.ts';
import { scaled } from '../../support/machine-speed.ts';
import { until } from '../../support/until.ts';

const [ann, bob, cid] = fleetPhones;
const texts = ({ replies }: Fleet, phone: string): string[] =>
  replies(phone).map(({ text }) => text);

/** Says something and waits for this answer, which comes once. */
async function answered(fleet: Fleet, phone: string, text: string, answer: string): Promise<void> {
  await fleet.say(text, phone);
  await until(`“${answer}”`, () => texts(fleet, phone).includes(answer));
  expect(texts(fleet, phone).filter((said) => said === answer)).toHaveLength(1);
}

test(
  'people share the oldest home up to its number; a home that joins later takes the next, and is on the dashboard, in Bull Board and in the metrics',
  { tags: 'long' },
  async () => {
    await withFleet({}, async (fleet) => {
      const one = await fleet.addHome('one', { environment: { HOME_PEOPLE: '2' } });
      await one.boot();
      await fleet.startRelay();
      const admin = await signIn(fleet);
      const board = async (): Promise<string> => (await admin.get('/admin/queues/api/queues')).text;
      expect(await board()).not.toContain('turns@two');
      await answered(fleet, ann, 'a', 'one: a');
      await answered(fleet, bob, 'b', 'one: b');
      const two = await fleet.addHome('two');
      await two.boot();
      await answered(fleet, cid, 'c', 'two: c');
      expect(await board()).toContain('turns@two');
      const page = (await admin.get('/admin')).text;
      expect(page).toContain('2 of 2 people');
      expect(page).toContain('1 person');
      // An answer is there before its turn has ended.
      const ended = async (home: string): Promise<string[]> =>
        await fleet.redis.zrange(`${prefix}:turns${home}:completed`, '0', '-1');
      await until('two turns of the first home', async () => (await ended('')).length >= 2);
      const [done = ''] = await until('that of the second', async () => {
        const turns = await ended('@two');
        return turns.length > 0 && turns;
      });
      expect((await admin.get(`/admin/turns/${done}`)).status).toBe(200);
      const metrics = await (
        await fetch(`${fleet.relayUrl}/metrics`, {
          headers: { Authorization: `Basic ${btoa('admin:open sesame, please')}` },
        })
      ).text();
      expect(metrics).toContain('sidepocket_home_people{home="two"} 1');
      expect(metrics).toMatch(/sidepocket_turns\{state="completed"\} [3-9]/);
    });
  },
);

test(
  'without a free home the person and the owner hear so, and the next message is taken in once there is room',
  { tags: 'long' },
  async () => {
    await withFleet({ PLACEMENT: 'own' }, async (fleet) => {
      const one = await fleet.addHome('one');
      await one.boot();
      await fleet.startRelay();
      await answered(fleet, ann, 'a', 'one: a');
      const sid = await fleet.say('b', bob);
      await until('Bob is told', () =>
        texts(fleet, bob).some((text) => text.startsWith('There is no computer free for you')),
      );
      await until('the owner is told', () =>
        texts(fleet, ann).some((text) => text.includes('every computer has all the people')),
      );
      expect(await fleet.redis.hget(keys.message(sid), 'state')).toBe('refused');
      expect(await fleet.redis.exists(keys.inbox(bob))).toBe(0);
      const two = await fleet.addHome('two');
      await two.boot();
      await answered(fleet, bob, 'b again', 'two: b again');
      expect(texts(fleet, bob)).toHaveLength(2);
    });
  },
);

test(
  'a system with one computer gets a second one: its people stay, with what waits, and new ones go to the second',
  { tags: 'long' },
  async () => {
    await withFleet({ PLACEMENT: 'own' }, async (fleet) => {
      const { redis, say } = fleet;
      await fleet.startRelay();
      // What a version without homes has left: a message with its turn, and no home anywhere.
      await say('waits', ann);
      await until('it is stored', async () => (await redis.llen(keys.inbox(ann))) === 1);
      expect(await redis.exists(keys.firstHome, keys.homes)).toBe(0);
      const first = await fleet.addHome('first', { environment: { HOME_NAME: '' } });
      await first.boot();
      await until('it is answered', () => texts(fleet, ann).includes('first: waits'));
      expect(await redis.get(keys.firstHome)).toBe('first');
      const second = await fleet.addHome('second');
      await second.boot();
      await answered(fleet, bob, 'new here', 'second: new here');
      await answered(fleet, ann, 'still here', 'first: still here');
      expect(await redis.hget(keys.conversation(ann), 'home')).toBeNull();
      expect(await redis.llen(`${prefix}:turns:wait`)).toBe(0);
    });
  },
);

test('a schedule of a person wakes their home alone', { tags: 'long' }, async () => {
  await withFleet({ PLACEMENT: 'own' }, async (fleet) => {
    const { redis } = fleet;
    const homes = await Promise.all(['one', 'two'].map((name) => fleet.addHome(name)));
    for (const home of homes) await home.boot();
    await fleet.startRelay();
    await answered(fleet, ann, 'a', 'one: a');
    await answered(fleet, bob, 'b', 'two: b');
    const schedules = createSchedules(redis);
    await redis.set(keys.jobLock('turns@two', 'T'), 'mine');
    // Far enough that the computer sleeps meanwhile: within the idle time it would stay awake.
    await schedules.add(
      { conversation: bob, prompt: 'call Cid', timezone: 'UTC', at: Date.now() + scaled(8000) },
      { lock: keys.jobLock('turns@two', 'T'), token: 'mine' },
    );
    expect(await redis.zcard(`${prefix}:schedules@two:delayed`)).toBe(1);
    await schedules.close();
    await until('both sleep', () => homes.every((home) => !home.isAwake()));
    const before = homes.map(({ wake }) => wake.calls.length);
    await until('the schedule is answered', () =>
      texts(fleet, bob).some((text) => text.startsWith('two:') && text.includes('call Cid')),
    );
    expect(homes[0]?.wake.calls).toHaveLength(before[0] ?? 0);
    expect(homes[1]?.wake.calls.length).toBeGreaterThan(before[1] ?? 0);
  });
});

test(
  'two relays take messages in at the same time, wake each home and tell of it once',
  { tags: 'long' },
  async () => {
    await withFleet({ PLACEMENT: 'own' }, async (fleet) => {
      const homes = await Promise.all(['one', 'two', 'three'].map((name) => fleet.addHome(name)));
      for (const home of homes) await home.boot();
      await fleet.startRelay();
      await fleet.startRelay();
      for (const [index, phone] of fleetPhones.entries())
        await answered(fleet, phone, 'hello', `${homes[index]?.name}: hello`);
      await until('all sleep', () => homes.every((home) => !home.isAwake()));
      await Promise.all(
        fleetPhones.map((phone, index) =>
          answered(fleet, phone, 'again', `${homes[index]?.name}: again`),
        ),
      );
      await until('all sleep', () => homes.every((home) => !home.isAwake()));
      for (const phone of fleetPhones) expect(texts(fleet, phone)).toHaveLength(2);
      await until(
        'no wake is open',
        async () => (await fleet.redis.keys(`${prefix}:waking*`)).length === 0,
      );
    });
  },
);

test(
  'an address that WAKE_HOSTS does not have is not called, and the owner hears of it',
  { tags: 'long' },
  async () => {
    await withFleet({ WAKE_HOSTS: '*.flycast' }, async (fleet) => {
      const one = await fleet.addHome('one');
      await one.boot();
      await fleet.startRelay();
      await answered(fleet, ann, 'a', 'one: a');
      await until('the owner hears', () =>
        texts(fleet, ann).some((text) => text.includes('WAKE_HOSTS does not have')),
      );
      await until('it sleeps', () => !one.isAwake());
      await fleet.say('b', ann);
      await until('b is stored', async () => (await fleet.redis.llen(keys.inbox(ann))) === 1);
      expect(one.wake.calls).toEqual([]);
      await one.boot();
      await until('b is answered', () => texts(fleet, ann).includes('one: b'));
    });
  },
);
