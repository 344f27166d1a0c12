import { chmod, readFile, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { keys, prefix } from '../../../shared/store/redis/keys.ts';
import { signIn } from '../../support/admin-client.ts';
import { withFleet, fleetPhones } from '../../support/fleet-bench.ts';
import type { Fleet, FleetHome, HomeChange } from '../../support/fleet-bench.ts';
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
  change: (fleet: Fleet, name: string) => HomeChange = () => ({}),
): Promise<void> {
  await withFleet({ PLACEMENT: 'own', ...environment }, async (fleet) => {
    const homes: FleetHome[] = [];
    for (const name of ['one', 'two', 'three']) {
      homes.push(await fleet.addHome(name, withStore(fleet, change(fleet, name))));
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
  `a person who is asked something moves, and the answer still belongs to the question${noRestic}`,
  { tags: 'long' },
  async () => {
    let asked = 0;
    const answer =
      (name: string): NonNullable<HomeChange['answer']> =>
      async (text, turn) => {
        if (text !== 'ask me') return `${name}: ${text}`;
        asked += 1;
        const answers = await turn.tools.ask(
          [{ question: 'Red or blue?', options: [{ label: 'Red' }, { label: 'Blue' }] }] as never,
          turn.signal,
        );
        return `${name}: ${JSON.stringify(answers)}`;
      };
    await withThree(
      {},
      async (fleet) => {
        await answered(fleet, ann, 'hello', 'one: hello');
        await fleet.say('ask me', bob);
        await until('the question', () =>
          textsOf(fleet, bob).some((text) => text.includes('Red or blue?')),
        );
        await runPeople(fleet, { action: 'move', address: bob, to: 'three' });
        await fleet.say('Blue', bob);
        await until('the answer', () =>
          textsOf(fleet, bob).some((text) => text.startsWith('three:') && text.includes('Blue')),
        );
        expect(textsOf(fleet, bob).filter((text) => text.includes('Red or blue?'))).toHaveLength(1);
        expect(asked).toBe(2);
      },
      (_fleet, name) => ({ answer: answer(name) }),
    );
  },
);

test.skipIf(noRestic !== '')(
  `a store that is away gives a move up: the person stays, is answered, and the owner hears of it${noRestic}`,
  { tags: 'long' },
  async () => {
    await withThree({}, async (fleet) => {
      await answered(fleet, ann, 'hello', 'one: hello');
      await answered(fleet, bob, 'hello', 'two: hello');
      const store = path.join(path.dirname(fleet.dataDir), 'store');
      const id = await personOf(fleet, bob);
      await until(
        'a snapshot',
        async () => (await fleet.redis.exists(keys.homeSnapshot(id))) === 1,
      );
      await writeFile(path.join(store, id, 'config'), 'broken', { flag: 'r+' }).catch(async () => {
        await chmod(path.join(store, id, 'config'), 0o600);
        await writeFile(path.join(store, id, 'config'), 'broken');
      });
      await expect(runPeople(fleet, { action: 'move', address: bob, to: 'three' })).rejects.toThrow(
        'could not be moved',
      );
      await answered(fleet, bob, 'still here', 'two: still here');
      await until('the owner hears', () =>
        textsOf(fleet, ann).some((text) => text.includes('to the computer “three”')),
      );
      expect(await fleet.redis.hmget(keys.home('three'), 'people')).toEqual(['0']);
    });
  },
);

test.skipIf(noRestic !== '')(
  `with two relays a message that neither got is taken in once, and what both tell is told once${noRestic}`,
  { tags: 'long' },
  async () => {
    await withThree({ SENDER_LIMIT_PER_MINUTE: '3' }, async (fleet) => {
      await fleet.startRelay();
      await answered(fleet, cid, 'hello', 'one: hello');
      await runPeople(fleet, { action: 'move', address: cid, to: 'two' });
      // Both relays are wrong about the home: each is put right by the script.
      await answered(fleet, cid, 'moved', 'two: moved');
      const posts = await Promise.all(
        Array.from({ length: 12 }, (_, index) => fleet.say(`many ${index}.`, cid)),
      );
      expect(posts).toHaveLength(12);
      await until('the limit is told of', () =>
        textsOf(fleet, cid).some((text) => text.startsWith('That is more than I can take in')),
      );
      await until('nothing waits', async () => (await fleet.redis.llen(keys.inbox(cid))) === 0);
      const told = textsOf(fleet, cid).filter((text) => text.startsWith('That is more'));
      // Once a minute; the test may cross one.
      expect(told.length).toBeLessThanOrEqual(2);
      const all = textsOf(fleet, cid)
        .join(' ')
        .match(/many \d+\./g);
      expect(new Set(all).size).toBe(all?.length);
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
