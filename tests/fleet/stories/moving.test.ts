import { readFile, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { keys, prefix } from '../../../shared/store/redis/keys.ts';
import { signIn } from '../../support/admin-client.ts';
import { withFleet, fleetPhones } from '../../support/fleet-bench.ts';
import type { Fleet, FleetHome } from '../../support/fleet-bench.ts';
import {
  answered,
  fileOf,
  personOf,
  runPeople,
  textsOf,
  withStore,
} from '../../support/fleet-moves.ts';
import { noRestic } from '../../support/snapshot-bench.ts';
import { until } from '../../support/until.ts';

const [ann, bob, cid] = fleetPhones;

type Three = [one: FleetHome, two: FleetHome, three: FleetHome];

/** Three homes with a snapshot store, of which each person who writes gets one. */
async function withThree(
  environment: Record<string, string>,
  story: (fleet: Fleet, homes: Three) => Promise<void>,
): Promise<void> {
  await withFleet({ PLACEMENT: 'own', ...environment }, async (fleet) => {
    const homes: FleetHome[] = [];
    for (const name of ['one', 'two', 'three']) {
      homes.push(await fleet.addHome(name, withStore(fleet)));
      await homes.at(-1)?.boot();
    }
    await fleet.startRelay();
    await story(fleet, homes as Three);
  });
}

test.skipIf(noRestic !== '')(
  `a computer is emptied while its people write, and none of it is lost${noRestic}`,
  { tags: 'long' },
  async () => {
    await withThree({ PLACEMENT: 'shared' }, async (fleet, [one]) => {
      for (const phone of fleetPhones) await answered(fleet, phone, 'hello', 'one: hello');
      const drained = runPeople(fleet, { action: 'drain', home: 'one', isUndone: false });
      const over = drained.then(
        () => true,
        () => true,
      );
      const written: string[] = [];
      for (let count = 0; count < 100; count += 1) {
        written.push(`m${count}.`);
        for (const phone of fleetPhones) await fleet.say(`m${count}.`, phone);
        const pause = new Promise<boolean>((resolve) => setTimeout(resolve, 300, false));
        if (await Promise.race([over, pause])) break;
      }
      expect((await drained).at(-1)).toContain('has no people any more');
      for (const phone of fleetPhones) {
        await until('every message is answered', () =>
          written.every((text) => textsOf(fleet, phone).some((answer) => answer.includes(text))),
        );
        const all = textsOf(fleet, phone)
          .join(' ')
          .match(/m\d+\./g);
        // Once each, and in the order in which they were written.
        expect(all).toEqual(written);
        expect(await fleet.redis.hget(keys.conversation(phone), 'home')).toBe('two');
      }
      await until('it sleeps', () => !one.isAwake());
      for (const queue of ['turns', 'deliveries', 'schedules'])
        for (const state of ['wait', 'active'])
          expect(await fleet.redis.llen(`${prefix}:${queue}:${state}`)).toBe(0);
    });
  },
);

test.skipIf(noRestic !== '')(
  `the owner moves a person on the dashboard, and a refusal is a sentence there${noRestic}`,
  { tags: 'long' },
  async () => {
    await withThree({ ADMIN_WRITE: '1' }, async (fleet) => {
      await answered(fleet, ann, 'hello', 'one: hello');
      await answered(fleet, bob, 'hello', 'two: hello');
      const admin = await signIn(fleet);
      const page = `/admin/people/${encodeURIComponent(bob)}`;
      const { text } = await admin.get(page);
      expect(text).toContain('<dt>Computer</dt><dd>two</dd>');
      expect(text).toContain('<option>three</option>');
      const token = await admin.token(page);
      const move = async (to: string) => await admin.post(`${page}/move`, { token, to });
      expect((await move('nowhere')).text).toContain('There is no computer “nowhere”');
      expect((await move('')).status).toBe(409);
      expect((await admin.post(`${page}/move`, { to: 'three' })).status).toBe(403);
      expect((await move('three')).location).toBe(`${page}?done=moving-1`);
      await answered(fleet, bob, 'where am I', 'three: where am I');
      expect((await admin.get(page)).text).toContain('<dt>Computer</dt><dd>three</dd>');
    });
  },
);

test.skipIf(noRestic !== '')(
  `two relays are put right about a person who has moved, who hears of it once${noRestic}`,
  { tags: 'long' },
  async () => {
    await withThree({}, async (fleet, homes) => {
      await fleet.startRelay();
      await answered(fleet, cid, 'hello', 'one: hello');
      await runPeople(fleet, { action: 'move', address: cid, to: 'two' });
      // A relay's guess of the home is wrong by now: the script puts it right.
      await answered(fleet, cid, 'moved', 'two: moved');
      await until('all sleep', () => homes.every((home) => !home.isAwake()));
      await answered(fleet, cid, 'woken', 'two: woken');
      const told = textsOf(fleet, cid).filter((text) => text.includes('another computer now'));
      expect(told).toHaveLength(1);
      const boxes = [keys.inbox(cid), keys.outbox(cid)];
      await until('nothing is left', async () => !(await fleet.redis.exists(...boxes)));
    });
  },
);

test.skipIf(noRestic !== '')(
  `a person moves around all computers and back, and finds the files of the last one each time${noRestic}`,
  { tags: 'long' },
  async () => {
    await withThree({}, async (fleet, homes) => {
      await answered(fleet, ann, 'hello', 'one: hello');
      const id = await personOf(fleet, ann);
      const order = [homes[1], homes[2], homes[0]];
      let from: FleetHome = homes[0];
      for (const [index, to] of order.entries()) {
        await mkdir(path.dirname(fileOf(from, id, 'kept')), { recursive: true });
        await writeFile(fileOf(from, id, 'kept'), `written on ${from.name}`);
        await runPeople(fleet, { action: 'move', address: ann, to: to.name });
        expect(await readFile(fileOf(to, id, 'kept'), 'utf8')).toBe(`written on ${from.name}`);
        await answered(fleet, ann, `round ${index}`, `${to.name}: round ${index}`);
        from = to;
      }
      expect(await fleet.redis.hget(keys.person(id), 'epoch')).toBe('3');
      expect(await fleet.redis.hget(keys.conversation(ann), 'home')).toBeNull();
    });
  },
);
