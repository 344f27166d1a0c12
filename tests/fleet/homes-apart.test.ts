import { expect, test } from 'vitest';
import { keys, ofHome } from '../../shared/store/redis/keys.ts';
import { withFleet, fleetPhones } from '../support/fleet-bench.ts';
import type { Fleet } from '../support/fleet-bench.ts';
import { until } from '../support/until.ts';

const [ann, bob, cid] = fleetPhones;

/** Says something and waits for this answer. */
async function answered(
  { say, replies }: Fleet,
  phone: string,
  text: string,
  answer: string,
): Promise<void> {
  await say(text, phone);
  await until(`“${answer}”`, () => replies(phone).some((reply) => reply.text === answer));
}

test('each person has a home of their own, which answers, sleeps and is woken by itself', async () => {
  await withFleet({ PLACEMENT: 'own' }, async (fleet) => {
    const { redis } = fleet;
    const homes = await Promise.all(['one', 'two', 'three'].map((name) => fleet.addHome(name)));
    for (const home of homes) await home.boot();
    await fleet.startRelay();
    await answered(fleet, ann, 'hello', 'one: hello');
    await answered(fleet, bob, 'hello', 'two: hello');
    await answered(fleet, cid, 'hello', 'three: hello');
    expect(await redis.get(keys.firstHome)).toBe('one');
    expect(await redis.hget(keys.conversation(ann), 'home')).toBeNull();
    expect(await redis.hget(keys.conversation(bob), 'home')).toBe('two');
    // The VM that wrote a reply posts it: its own queue has the delivery.
    const completed = '{sidepocket}:deliveries@two:completed';
    await until('its delivery', async () => (await redis.zcard(completed)) > 0);
    await until('all sleep', () => homes.every((home) => !home.isAwake()));
    for (const home of ['', '@two', '@three'] as const)
      expect(await redis.hget(ofHome(keys.vm, home), 'state')).toBe('asleep');
    const calls = (): number[] => homes.map(({ wake }) => wake.calls.length);
    const before = calls();
    await answered(fleet, bob, 'again', 'two: again');
    expect(homes[1]?.wake.calls.at(-1)?.authorization).toBe('Bearer secret of two');
    const [one = 0, two = 0, three = 0] = before;
    expect(calls()).toEqual([one, expect.any(Number), three]);
    expect(calls()[1]).toBeGreaterThan(two);
    for (const phone of fleetPhones)
      expect(fleet.replies(phone)).toHaveLength(phone === bob ? 2 : 1);
  });
});

test('the owner’s computer is woken for a word of the relay’s that Twilio has not taken', async () => {
  await withFleet({ PLACEMENT: 'own' }, async (fleet) => {
    const one = await fleet.addHome('one');
    await one.boot();
    await fleet.startRelay();
    await answered(fleet, ann, 'hello', 'one: hello');
    await until('it sleeps', () => !one.isAwake());
    fleet.twin.faults.set('create-500-before', { times: 1 });
    const two = await fleet.addHome('two', {
      environment: { WAKE_ADDRESS: 'http://elsewhere.example' },
    });
    await two.boot();
    const words = (): number =>
      fleet.replies(ann).filter(({ text }) => text.includes('WAKE_HOSTS does not have')).length;
    await until('the owner hears', () => words() > 0);
    await until('nothing is left', async () => (await fleet.redis.exists(keys.outbox(ann))) === 0);
    expect(words()).toBe(1);
  });
});

test('what people of two homes cost is one sum: its budget stops both, its owner raises it for both, and each hears of it once', async () => {
  const environment = { PLACEMENT: 'own', BUDGET_USD_PER_MONTH: '0.0001' };
  await withFleet(environment, async (fleet) => {
    for (const name of ['one', 'two']) await (await fleet.addHome(name)).boot();
    await fleet.startRelay();
    await fleet.startRelay();
    const count = (phone: string, part: string): number =>
      fleet.replies(phone).filter(({ text }) => text.includes(part)).length;
    const spent = 'This month has cost';
    // The first answer of the one home costs more than there is for both.
    await answered(fleet, ann, 'hello', 'one: hello');
    await fleet.say('hello', bob);
    await until('the other home stops', () => count(bob, spent) > 0);
    await fleet.say('more', ann);
    await until('the owner is asked', () => count(ann, spent) > 0);
    await fleet.say('Continue? +$10', ann);
    await until('it goes on', () => count(ann, 'one: more') > 0);
    await answered(fleet, bob, 'again', 'two: again');
    expect([count(ann, spent), count(bob, spent)]).toEqual([1, 1]);
  });
});
