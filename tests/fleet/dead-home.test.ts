import { expect, test } from 'vitest';
import { keys, ofHome, prefix } from '../../shared/store/redis/keys.ts';
import { createOutbox } from '../../shared/store/boxes/outbox.ts';
import { createDeliveries } from '../../shared/store/queues.ts';
import { createSchedules } from '../../shared/store/schedules.ts';
import { withFleet, fleetPhones } from '../support/fleet-bench.ts';
import type { FleetHome } from '../support/fleet-bench.ts';
import { scaled } from '../support/machine-speed.ts';
import { until } from '../support/until.ts';
import { refuse } from '../support/wake-address.ts';

const [ann, bob] = fleetPhones;

test('what a dead home had written is sent by another, what is due is said, the owner hears of it, and the home goes on when it is back', async () => {
  await withFleet(
    { PLACEMENT: 'own', HOME_DEAD_MINUTES: String(scaled(2000) / 60_000) },
    async (fleet) => {
      const { redis, replies, say } = fleet;
      let isDead = false;
      const onCall = async (
        home: FleetHome,
        _call: number,
        response: Parameters<typeof refuse>[0],
      ): Promise<void> => {
        if (isDead) return refuse(response);
        await home.boot();
        response.writeHead(204).end();
      };
      const one = await fleet.addHome('one');
      const two = await fleet.addHome('two', { onCall });
      for (const home of [one, two]) await home.boot();
      await fleet.startRelay();
      const texts = (phone: string): string[] => replies(phone).map(({ text }) => text);
      const has = (phone: string, text: string) => () =>
        texts(phone).some((said) => said.includes(text));
      await say('hello', ann);
      await until('one answers', has(ann, 'one: hello'));
      await say('hello', bob);
      await until('two answers', has(bob, 'two: hello'));
      await until('both sleep', () => !one.isAwake() && !two.isAwake());
      isDead = true;
      // What a worker leaves that dies before it has sent, and a reminder that is due.
      const deliveries = createDeliveries(redis, { home: '@two' });
      await createOutbox(redis, deliveries).put([
        { id: 'left', conversation: bob, turn: 'T', text: 'written before' },
      ]);
      const schedules = createSchedules(redis, { home: '@two' });
      await redis.set(keys.jobLock('turns@two', 'T'), 'mine');
      await schedules.add(
        { conversation: bob, prompt: 'call Cid', timezone: 'UTC', at: Date.now() },
        { lock: keys.jobLock('turns@two', 'T'), token: 'mine' },
      );
      await Promise.all([deliveries.close(), schedules.close()]);
      await say('again', bob);
      // Nobody else waits for it.
      await say('meanwhile', ann);
      await until('one answers meanwhile', has(ann, 'one: meanwhile'));
      await until('the written reply', has(bob, 'written before'));
      await until('the reminder', has(bob, 'You had planned this for now: “call Cid”'));
      await until('the owner hears', has(ann, 'The computer “two” has not come up'));
      expect(texts(ann).filter((text) => text.includes('“two” has not come up'))).toHaveLength(1);
      expect(await redis.hget(keys.home('two'), 'helper')).toBe('one');
      // Its turns wait: their files are there.
      expect(texts(bob).filter((text) => text.startsWith('two:'))).toEqual(['two: hello']);
      isDead = false;
      await until('two answers again', has(bob, 'two: again'));
      await until(
        'the note is gone',
        async () => !(await redis.hexists(keys.home('two'), 'helper')),
      );
      expect(await redis.smembers(keys.helps)).toEqual([]);
      await until('all sleep', () => !one.isAwake() && !two.isAwake());
      for (const text of ['written before', 'two: again', 'two: hello'])
        expect(texts(bob).filter((said) => said === text)).toHaveLength(1);
      expect(await redis.zcard(`${prefix}:deliveries@two:completed`)).toBeGreaterThan(1);
      expect(await redis.hget(ofHome(keys.vm, '@two'), 'state')).toBe('asleep');
    },
  );
});
