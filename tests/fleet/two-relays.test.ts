import { expect, test } from 'vitest';
import { keys } from '../../shared/store/redis/keys.ts';
import { freePort } from '../../simulator/free-port.ts';
import { runBalancer } from '../support/balancer.ts';
import { fleetPhones, withFleet } from '../support/fleet-bench.ts';
import type { Fleet } from '../support/fleet-bench.ts';
import { answered, textsOf } from '../support/fleet-moves.ts';
import { until } from '../support/until.ts';
import { accept, refuse } from '../support/wake-address.ts';

const [ann, bob, cid] = fleetPhones;

const countOf = (fleet: Fleet, phone: string, part: string): number =>
  textsOf(fleet, phone).filter((text) => text.includes(part)).length;

test(
  'two relays behind one address: what was missed, a wake, a limit, a notice and the list of who may write are the same for both',
  { tags: 'long' },
  async () => {
    // The least that there is.
    const perMinute = 60;
    const environment = { PLACEMENT: 'own', SENDER_LIMIT_PER_MINUTE: String(perMinute) };
    await withFleet(environment, async (fleet) => {
      let isStuck = false;
      const one = await fleet.addHome('one');
      const two = await fleet.addHome('two', {
        async onCall(home, _call, response) {
          if (isStuck) return refuse(response);
          await home.boot();
          accept(response);
        },
      });
      for (const home of [one, two]) await home.boot();

      // Nothing listens at the address: Twilio gives these up, and both relays find them in its list.
      await fleet.say('missed 1', ann);
      await fleet.say('missed 2', ann);
      const start = async (extra = {}) =>
        await fleet.startRelay({ PORT: String(await freePort(0)), ...extra }, { giveUpMs: 1500 });
      const relays = await Promise.all([start(), start()]);
      await until('both are answered', () => countOf(fleet, ann, 'missed 2') > 0);
      expect(
        textsOf(fleet, ann)
          .join(' ')
          .match(/missed \d/g),
      ).toEqual(['missed 1', 'missed 2']);

      const port = Number(fleet.environment['PORT']);
      const balancer = await runBalancer(
        port,
        relays.map(({ url }) => url),
      );
      fleet.atEnd(() => balancer.stop());
      await answered(fleet, bob, 'hello', 'two: hello');
      await until('both sleep', () => !one.isAwake() && !two.isAwake());
      // Both relays get one of these, and wake the computer.
      const texts = ['a', 'b', 'c', 'd'].map((letter) => `wake ${letter}`);
      await Promise.all(texts.map((text) => fleet.say(text, ann)));
      await until('all are answered', () =>
        texts.every((text) => textsOf(fleet, ann).join(' ').includes(text)),
      );
      for (const text of texts) expect(textsOf(fleet, ann).join(' ').split(text)).toHaveLength(2);
      expect(balancer.counts.every((count) => count > 2)).toBe(true);
      await until('no wake is open', async () => !(await fleet.redis.exists(keys.waking)));

      // A computer that does not come up: one message to its person, and one to the owner.
      await until('it sleeps', () => !two.isAwake());
      isStuck = true;
      await fleet.say('first', bob);
      await fleet.say('second', bob);
      await until('the person hears', () => countOf(fleet, bob, 'does not wake up') > 0);
      await until('the owner hears', () => countOf(fleet, ann, '“two” does not wake up') > 0);
      // Every computer is taken.
      await fleet.say('hello', cid);
      await fleet.say('hello?', cid);
      await until('no computer is free', () => countOf(fleet, cid, 'no computer free') > 0);
      // More than both relays take together, of what no computer is there for; within a minute.
      const earlier = await fleet.redis.llen(keys.inbox(bob));
      const minute = Math.floor(Date.now() / 60_000);
      for (let count = 0; count < 2 * perMinute + 20; count += 20)
        await Promise.all(
          Array.from({ length: 20 }, async (_, index) => await fleet.say(`n${count + index}`, bob)),
        );
      await until('the limit', () => countOf(fleet, bob, 'more than I can take in') > 0);
      const taken = (await fleet.redis.llen(keys.inbox(bob))) - earlier;
      const isOneMinute = Math.floor(Date.now() / 60_000) === minute;
      expect(isOneMinute ? taken : 0).toBeLessThanOrEqual(2 * perMinute);
      // Of this wake; on a busy machine a later one may take as long.
      expect(countOf(fleet, bob, 'does not wake up')).toBe(1);
      isStuck = false;
      await until('all is answered', () => countOf(fleet, bob, 'n0') > 0);
      for (const [phone, part] of [
        [ann, '“two” does not wake up'],
        [cid, 'no computer free'],
        ...(isOneMinute ? ([[bob, 'more than I can take in']] as const) : []),
      ] as const)
        expect([part, countOf(fleet, phone, part)]).toEqual([part, 1]);

      // The younger list stands, also for the two that have started before.
      const boxes = [keys.inbox(bob), keys.outbox(bob)];
      await until('nothing is on its way', async () => !(await fleet.redis.exists(...boxes)));
      await start({ ALLOWED_SENDERS: ann });
      await until('the list', async () =>
        (await fleet.redis.hget(keys.allowed, bob))?.startsWith('removed'),
      );
      const before = textsOf(fleet, bob).length;
      const sids = [await fleet.say('still me', bob), await fleet.say('and again', bob)];
      await answered(fleet, ann, 'and me', 'one: and me');
      for (const sid of sids)
        await until(
          'it is refused',
          async () => (await fleet.redis.hget(keys.message(sid), 'state')) === 'refused',
        );
      expect(textsOf(fleet, bob)).toHaveLength(before);
    });
  },
);
