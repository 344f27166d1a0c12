import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { createPeopleStore } from '../../shared/store/people.ts';
import { keys, prefix } from '../../shared/store/redis/keys.ts';
import { createSchedules } from '../../shared/store/schedules.ts';
import { createSecrets } from '../../worker/secrets/secrets.ts';
import { withFleet, fleetPhones } from '../support/fleet-bench.ts';
import {
  answered,
  fileOf,
  personOf,
  runPeople,
  snapshotted,
  textsOf,
  withStore,
} from '../support/fleet-moves.ts';
import type { FleetHome, HomeChange } from '../support/fleet-bench.ts';
import { seal } from '../support/seal.ts';
import { scaled } from '../support/machine-speed.ts';
import { noRestic } from '../support/snapshot-bench.ts';
import { until } from '../support/until.ts';
import { accept, refuse } from '../support/wake-address.ts';

const [ann, bob] = fleetPhones;
test.skipIf(noRestic !== '')(
  `a person moves with files, secrets, schedules and what waits, while they write${noRestic}`,
  async () => {
    await withFleet({ PLACEMENT: 'own' }, async (fleet) => {
      const { redis } = fleet;
      let isSlow = true;
      let isAtWork = false;
      const slowly = (name: string) => async (text: string, turn: { signal: AbortSignal }) => {
        if (text === 'slow' && isSlow) {
          isAtWork = true;
          await new Promise((resolve) => turn.signal.addEventListener('abort', resolve));
        }
        return `${name}: ${text}`;
      };
      const homes = [];
      for (const name of ['one', 'two', 'three'])
        homes.push(await fleet.addHome(name, { ...withStore(fleet), answer: slowly(name) }));
      const [one, two, three] = homes as [FleetHome, FleetHome, FleetHome];
      await one.boot();
      await two.boot();
      await three.boot();
      await fleet.startRelay();
      await answered(fleet, ann, 'hello', 'one: hello');
      await answered(fleet, bob, 'hello', 'two: hello');
      const { id } = (await createPeopleStore(redis).find(bob)) ?? { id: '' };
      await mkdir(path.dirname(fileOf(two, id, 'kept')), { recursive: true });
      await writeFile(fileOf(two, id, 'kept'), 'of two');
      const before = createSecrets({ dataDir: two.dataDir });
      await before.set(id, 'TOKEN', seal('a value', await before.publicKey()));
      const schedules = createSchedules(redis);
      await redis.set(keys.jobLock('turns@two', 'T'), 'mine');
      const fence = { lock: keys.jobLock('turns@two', 'T'), token: 'mine' };
      const zone = { conversation: bob, timezone: 'UTC' };
      await schedules.add({ ...zone, prompt: 'later', at: Date.now() + 3600_000 }, fence);
      await schedules.add({ ...zone, prompt: 'daily', cron: '0 9 * * *' }, fence);

      // A turn is at work when the move begins, and more is said meanwhile.
      await fleet.say('slow', bob);
      await until('it is at work', () => isAtWork);
      const moving = runPeople(fleet, { action: 'move', address: bob, to: 'three' });
      await until('the move', async () => (await redis.exists(keys.move(id))) === 1);
      isSlow = false;
      await fleet.say('meanwhile', bob);
      const lines = await moving;
      expect(lines[0]).toMatch(/: from “two” to “three”\.$/);
      expect(lines.at(-1)).toMatch(/: done\.$/);
      await until('both are answered', () =>
        textsOf(fleet, bob).some((text) => text.includes('meanwhile')),
      );
      const answers = textsOf(fleet, bob).filter((text) => text.startsWith('three:'));
      expect(answers.join(' ')).toMatch(/slow.*meanwhile/);
      expect(answers.join(' ').match(/slow/g)).toHaveLength(1);
      expect(
        textsOf(fleet, bob).filter((text) => text.includes('another computer now')),
      ).toHaveLength(1);
      expect(textsOf(fleet, bob).some((text) => text.includes('is lost'))).toBe(false);

      expect(await readFile(fileOf(three, id, 'kept'), 'utf8')).toBe('of two');
      const after = createSecrets({ dataDir: three.dataDir });
      expect(await after.values(id)).toEqual({ TOKEN: 'a value' });
      expect((await schedules.list(bob)).map(({ prompt }) => prompt)).toEqual(['later', 'daily']);
      for (const queue of ['schedules@two:delayed', 'schedules@two:repeat', 'turns@two:delayed'])
        expect(await redis.zcard(`${prefix}:${queue}`)).toBe(0);
      // What was there is kept, and used no more.
      await until('it is set aside', async () =>
        (await readdir(path.join(two.dataDir, 'people'))).some((name) => name.startsWith('.left-')),
      );
      expect(await createSecrets({ dataDir: two.dataDir }).list(id)).toEqual([]);
      expect(await redis.hmget(keys.home('two'), 'people')).toEqual(['0']);
      expect(await redis.hmget(keys.home('three'), 'people')).toEqual(['1']);

      // And back: to a disk on which they have been.
      await writeFile(fileOf(three, id, 'kept'), 'of three');
      await runPeople(fleet, { action: 'move', address: bob, to: 'two' });
      expect(await readFile(fileOf(two, id, 'kept'), 'utf8')).toBe('of three');
      await answered(fleet, bob, 'again', 'two: again');
      expect((await createPeopleStore(redis).find(bob))?.epoch).toBe(2);
      await schedules.close();
    });
  },
);

test.skipIf(noRestic !== '')(
  `people of a dead home go on elsewhere with their last snapshot, and the home that is back keeps what is newer, unused${noRestic}`,
  { tags: 'long' },
  async () => {
    const environment = { PLACEMENT: 'own', HOME_DEAD_MINUTES: String(scaled(1500) / 60_000) };
    await withFleet(environment, async (fleet) => {
      let isDead = false;
      const onCall: HomeChange['onCall'] = async (home, _call, response) => {
        if (isDead) return refuse(response);
        await home.boot();
        accept(response);
      };
      const homes = [];
      for (const name of ['one', 'two', 'three'])
        homes.push(await fleet.addHome(name, withStore(fleet, name === 'two' ? { onCall } : {})));
      const [one, two, three] = homes as [FleetHome, FleetHome, FleetHome];
      for (const home of homes) await home.boot();
      await fleet.startRelay();
      await fleet.startRelay();
      await answered(fleet, ann, 'hello', 'one: hello');
      await answered(fleet, bob, 'hello', 'two: hello');
      const id = await personOf(fleet, bob);
      const secrets = createSecrets({ dataDir: two.dataDir });
      await secrets.set(id, 'TOKEN', seal('a value', await secrets.publicKey()));
      await mkdir(path.dirname(fileOf(two, id, 'kept')), { recursive: true });
      await writeFile(fileOf(two, id, 'kept'), 'saved');
      await answered(fleet, bob, 'more', 'two: more');
      await until('it sleeps', () => !two.isAwake());
      await snapshotted(fleet, bob);
      // After the last snapshot.
      await writeFile(fileOf(two, id, 'kept'), 'newer');
      isDead = true;
      await answered(fleet, bob, 'again', 'three: again');
      const said = textsOf(fleet, bob);
      expect(said.filter((text) => text.startsWith('Your files are back'))).toHaveLength(1);
      expect(said.filter((text) => text.includes('TOKEN'))).toEqual([
        'This secret could only be opened by your former computer: TOKEN. Please send it again, with “/secret TOKEN”.',
      ]);
      expect(await readFile(fileOf(three, id, 'kept'), 'utf8')).toBe('saved');
      const words = (part: string): string[] =>
        textsOf(fleet, ann).filter((text) => text.includes(part));
      // Both relays find it dead; who has moved people names them.
      await until('the owner hears', () => words('these go on').length > 0);
      expect(words('these go on')).toHaveLength(1);
      expect(words('these go on')[0]).toMatch(/^The computer “two” has not.*go on: .* on “three”/);

      isDead = false;
      await two.boot();
      const left = await until('it is set aside', async () =>
        (await readdir(path.join(two.dataDir, 'people'))).find((name) => name.startsWith('.left-')),
      );
      const kept = path.join(two.dataDir, 'people', left, 'home', 'kept');
      expect(await readFile(kept, 'utf8')).toBe('newer');
      await until('the owner hears of it', () => words(left).length === 1);
      await answered(fleet, bob, 'on', 'three: on');
      expect(await readFile(fileOf(three, id, 'kept'), 'utf8')).toBe('saved');
      expect(one.isAwake() && three.isAwake()).toBeDefined();
    });
  },
);
