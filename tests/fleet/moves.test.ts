import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { runPeopleCommand } from '../../relay/people/restore-command.ts';
import { createPeopleStore } from '../../shared/store/people.ts';
import { keys, prefix } from '../../shared/store/redis/keys.ts';
import { createSchedules } from '../../shared/store/schedules.ts';
import { createSecrets } from '../../worker/secrets/secrets.ts';
import { withFleet, fleetPhones } from '../support/fleet-bench.ts';
import type { Fleet, FleetHome, HomeChange } from '../support/fleet-bench.ts';
import { seal } from '../support/seal.ts';
import { noRestic } from '../support/snapshot-bench.ts';
import { until } from '../support/until.ts';

const [ann, bob] = fleetPhones;
const quick = { quietMs: 1, apartMs: 1, overdueMs: 1e9, againMs: [100] };

/** A change of a home that has the snapshot store of the fleet. */
export const saved = (fleet: Fleet, change: HomeChange = {}): HomeChange => ({
  ...change,
  worker: { snapshots: quick, ...change.worker },
  environment: {
    SNAPSHOT_REPOSITORY: path.join(path.dirname(fleet.dataDir), 'store'),
    SNAPSHOT_PASSWORD: 'a password of the test',
    ...change.environment,
  },
});
const texts = ({ replies }: Fleet, phone: string): string[] =>
  replies(phone).map(({ text }) => text);
async function answered(fleet: Fleet, phone: string, text: string, answer: string): Promise<void> {
  await fleet.say(text, phone);
  await until(`“${answer}”`, () => texts(fleet, phone).includes(answer));
}
/** Runs the operator's command; returns what it prints. */
async function people(
  fleet: Fleet,
  ...options: Parameters<typeof runPeopleCommand>[0][]
): Promise<string[]> {
  const lines: string[] = [];
  for (const option of options)
    await runPeopleCommand(option, {
      redis: fleet.redis,
      say: (line) => void lines.push(line),
      everyMs: 20,
    });
  return lines;
}
const fileOf = (home: FleetHome, person: string, name: string): string =>
  path.join(home.dataDir, 'people', person, 'home', name);

test.skipIf(noRestic !== '')(
  `a person moves with files, secrets, schedules and what waits, while they write${noRestic}`,
  async () => {
    await withFleet({ PLACEMENT: 'own' }, async (fleet) => {
      const { redis } = fleet;
      let isSlow = true;
      const slowly = (name: string) => async (text: string, turn: { signal: AbortSignal }) => {
        if (text === 'slow' && isSlow)
          await new Promise((resolve) => turn.signal.addEventListener('abort', resolve));
        return `${name}: ${text}`;
      };
      const homes = [];
      for (const name of ['one', 'two', 'three'])
        homes.push(await fleet.addHome(name, { ...saved(fleet), answer: slowly(name) }));
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
      await until(
        'it is at work',
        async () => (await redis.llen(`${prefix}:turns@two:active`)) > 0,
      );
      const moving = people(fleet, { action: 'move', address: bob, to: 'three' });
      await until('the move', async () => (await redis.exists(keys.move(id))) === 1);
      isSlow = false;
      await fleet.say('meanwhile', bob);
      const lines = await moving;
      expect(lines[0]).toMatch(/: from “two” to “three”\.$/);
      expect(lines.at(-1)).toMatch(/: done\.$/);
      await until('both are answered', () =>
        texts(fleet, bob).some((text) => text.includes('meanwhile')),
      );
      const answers = texts(fleet, bob).filter((text) => text.startsWith('three:'));
      expect(answers.join(' ')).toMatch(/slow.*meanwhile/);
      expect(answers.join(' ').match(/slow/g)).toHaveLength(1);
      expect(
        texts(fleet, bob).filter((text) => text.includes('another computer now')),
      ).toHaveLength(1);
      expect(texts(fleet, bob).some((text) => text.includes('is lost'))).toBe(false);

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
      await people(fleet, { action: 'move', address: bob, to: 'two' });
      expect(await readFile(fileOf(two, id, 'kept'), 'utf8')).toBe('of three');
      await answered(fleet, bob, 'again', 'two: again');
      expect((await createPeopleStore(redis).find(bob))?.epoch).toBe(2);
      await schedules.close();
    });
  },
);
