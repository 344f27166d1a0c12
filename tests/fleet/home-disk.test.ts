import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { SetupError } from '../../shared/runtime/errors.ts';
import { createLog } from '../../shared/runtime/log.ts';
import { createHomeRegistry } from '../../shared/store/homes/registry.ts';
import type { Beat } from '../../shared/store/homes/beats.ts';
import { homeNameFrom } from '../../shared/store/homes/home-name.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import { fitsHosts, wakeHostsOf } from '../../relay/wake/wake-hosts.ts';
import { countBoot } from '../../worker/process/boot-number.ts';
import { createDiskBeat, createDiskWatch } from '../../worker/process/disk-beat.ts';
import { takePlace } from '../../worker/process/home-disk.ts';
import type { HomeNames, Place } from '../../worker/process/home-disk.ts';
import { createLease } from '../../worker/process/lease.ts';
import type { Lease } from '../../worker/process/lease.ts';
import { createRunningJobs } from '../../worker/process/running-jobs.ts';
import { withRedis } from '../support/redis.ts';

type Boot = (disk: string, names: Partial<HomeNames>, worker?: string) => Promise<Place>;

/** Boots workers on disks, which are directories of these names. */
async function withDisks(
  run: (boot: Boot, redis: Redis, directory: string) => Promise<void>,
): Promise<void> {
  const directory = await mkdtemp(path.join(tmpdir(), 'sidepocket-disks-'));
  const facts = { address: undefined, secret: undefined, takes: undefined, version: '1' };
  try {
    await withRedis(async (redis) => {
      const boot: Boot = async (disk, names, worker = 'w') =>
        await takePlace(
          {
            dataDir: path.join(directory, disk),
            worker,
            names: { machine: 'machine', ...names },
            facts,
          },
          createHomeRegistry(redis),
          createLog('test', 'silent'),
        );
      await run(boot, redis, directory);
    });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

test('a disk is one home, whoever boots on it; a computer without a name goes on as the first one', async () => {
  await withDisks(async (boot, redis, directory) => {
    const both = await Promise.all([
      boot('a', { worker: 'vm' }, 'v'),
      boot('a', { worker: 'other' }, 'w'),
    ]);
    expect(both[0]).toEqual(both[1]);
    const { name, suffix } = both[0];
    expect(['vm', 'other']).toContain(name);
    expect(suffix).toBe('');
    expect(await boot('b', { asked: 'east' })).toEqual({ name: 'east', suffix: '@east' });
    // A new disk of a computer that has no name.
    expect(await boot('c', {}, 'x')).toEqual({ name, suffix: '' });
    expect(await redis.smembers(keys.homes)).toHaveLength(2);
    const file = path.join(directory, 'a', '.sidepocket', 'home.json');
    expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({ name });
    await expect(boot('b', { asked: 'west' })).rejects.toThrow(
      'HOME_NAME is “west”, and DATA_DIR holds the home “east”',
    );
    await writeFile(file, '{');
    await expect(boot('a', {})).rejects.toThrow(SetupError);
    expect(homeNameFrom('Vm_1.example.org')).toBe('vm-1-example-org');
  });
});

test('a disk that takes no name is a sentence about DATA_DIR', async () => {
  await withDisks(async (boot, _redis, directory) => {
    await writeFile(path.join(directory, 'file'), '');
    const refused = boot('file/data', { asked: 'east' });
    await expect(refused).rejects.toThrow('DATA_DIR cannot hold the name of this home: ENOTDIR');
    await expect(refused).rejects.toThrow(SetupError);
  });
});

test('a second live disk of a home does not start; a first home is one that has the people’s files', async () => {
  await withDisks(async (boot, redis, directory) => {
    await redis.sadd(keys.known, '+15551230001');
    await expect(boot('new', { asked: 'east' })).rejects.toThrow('Start that one first');
    await redis.rename(keys.known, keys.conversations);
    await redis.hset(keys.conversation('+15551230001'), 'session', 's');
    await expect(boot('new', { asked: 'east' })).rejects.toThrow('Start that one first');
    await mkdir(path.join(directory, 'used', 'people'), { recursive: true });
    expect((await boot('used', { asked: 'home' })).suffix).toBe('');
    await redis.set(keys.heartbeat, 'w#1');
    await expect(boot('fork', { asked: 'home' }, 'v')).rejects.toThrow('running from another disk');
    // The same disk, and the same worker after it has lost its disk.
    expect((await boot('used', { asked: 'home' }, 'v')).suffix).toBe('');
    expect((await boot('new disk', { asked: 'home' })).suffix).toBe('');
    await redis.del(keys.heartbeat);
    expect((await boot('fork', { asked: 'home' }, 'v')).suffix).toBe('');
  });
});

test('a home whose record cannot be read, or with a name that no computer writes, holds up no other', async () => {
  await withDisks(async (boot, redis) => {
    const registry = createHomeRegistry(redis);
    for (const asked of ['home', 'east']) await boot(asked, { asked });
    await redis.hset(keys.home('east'), { takes: 'many', people: 'some' });
    for (const odd of ['', '@east', 'a:b', 'a\nb', 'East', '../home', 'x'.repeat(33)]) {
      await redis.sadd(keys.homes, odd);
      await redis.hset(keys.home(odd), { address: 'http://east.flycast', takes: '1' });
    }
    const known = (await registry.list()).map(({ name, suffix, takes, people }) => ({
      name,
      suffix,
      takes,
      people,
    }));
    expect(known).toEqual([
      { name: 'home', suffix: '', takes: undefined, people: 0 },
      { name: 'east', suffix: '@east', takes: undefined, people: 0 },
    ]);
    expect(await registry.suffixes()).toEqual(['', '@east']);
  });
});

test('who writes before the first computer of a new system has started does not keep it from starting', async () => {
  await withDisks(async (boot, redis) => {
    await redis.sadd(keys.conversations, '+15551230001');
    await redis.hset(keys.conversation('+15551230001'), 'lastAt', '1');
    expect((await boot('new', { asked: 'east' })).suffix).toBe('');
    expect(await redis.hget(keys.home('east'), 'people')).toBe('1');
  });
});

test('a new disk of a home that was emptied gets people again; one of a home that is still being emptied does not', async () => {
  await withDisks(async (boot, redis) => {
    await boot('first', { asked: 'home' });
    for (const [people, isDraining] of [
      ['2', true],
      ['0', false],
    ] as const) {
      await boot(`old disk, ${people}`, { asked: 'east' });
      await redis.hset(keys.home('east'), { people, draining: '2026-11-30T09:00:00.000Z' });
      await boot(`old disk, ${people}`, { asked: 'east' });
      expect(await redis.hexists(keys.home('east'), 'draining')).toBe(1);
      await boot(`new disk, ${people}`, { asked: 'east' });
      expect(await redis.hexists(keys.home('east'), 'draining')).toBe(isDraining ? 1 : 0);
    }
  });
});

/** A worker’s lease on a disk, as of the given moment: each renewal finds its mark old enough for a new one. */
async function leaseOn(
  redis: Redis,
  dataDir: string,
  worker: string,
  startedAt: number,
): Promise<Lease & { isFenced: () => boolean }> {
  let [fenced, moment] = [false, startedAt];
  const lease = createLease({
    redis,
    worker,
    boot: await countBoot(redis, worker),
    place: { name: 'home', suffix: '' },
    disk: createDiskBeat(dataDir, worker, { freshMs: 3600_000, now: () => (moment += 3600_000) }),
    times: { renewMs: 3600_000, holdMs: 60_000 },
    running: createRunningJobs(),
    log: createLog('test', 'silent'),
    listener: {
      recover: async () => undefined,
      onStranded: async () => undefined,
      onLostWork: () => undefined,
      onMemory: () => undefined,
      onFenced: () => (fenced = true),
    },
  });
  return { ...lease, isFenced: () => fenced };
}

test('a copy of a live disk has its name and id and is refused all the same; one that is made of a resting disk yields when the other is first', async () => {
  await withDisks(async (boot, redis, directory) => {
    const [disk, copy] = ['a', 'copy'].map((name) => path.join(directory, name)) as [
      string,
      string,
    ];
    await boot('a', { asked: 'home' }, 'one');
    const [one, other] = [
      await leaseOn(redis, disk, 'one', 1),
      await leaseOn(redis, disk, 'other', 2),
    ];
    for (let round = 0; round < 5; round += 1)
      for (const lease of [one, other]) await lease.renew();
    expect([one, other].map((lease) => lease.isFenced())).toEqual([false, false]);
    // A worker on the same disk starts; the copy, which has all marks until now, a moment later
    // not.
    await cp(disk, copy, { recursive: true });
    expect((await boot('a', {}, 'third')).name).toBe('home');
    for (let round = 0; round < 3; round += 1) await one.renew();
    await expect(boot('copy', {}, 'forked')).rejects.toThrow('as after a volume was forked');
    await other.stop();

    // Both have come up at the same time: each sees that the other leaves no mark here.
    const forked = await leaseOn(redis, copy, 'forked', 3);
    for (let round = 0; round < 6 && !forked.isFenced(); round += 1)
      for (const lease of [one, forked]) await lease.renew();
    for (let round = 0; round < 3; round += 1) await one.renew();
    expect([one, forked].map((lease) => lease.isFenced())).toEqual([false, true]);
    await one.stop();
    await redis.del(keys.lease('forked'));
    expect((await boot('copy', {}, 'forked')).name).toBe('home');
    const late = await leaseOn(redis, copy, 'late', 4);
    for (let round = 0; round < 3; round += 1) await late.renew();
    expect(late.isFenced()).toBe(false);
  });
});

test('a disk has a worker’s last three marks, and a look that takes longer than a mark stays accuses no other worker', async () => {
  await withDisks(async (boot, _redis, directory) => {
    await boot('a', {});
    const disk = path.join(directory, 'a');
    const beat = createDiskBeat(disk, 'one', { freshMs: 0 });
    const marks = [await beat.renew(), await beat.renew(), await beat.renew(), await beat.renew()];
    const strange = createDiskBeat(disk, 'other', { freshMs: 1000 });
    const beatsOf = (mark = ''): Beat[] => [{ worker: 'one', mark, since: 1 }];
    const found = await Promise.all(marks.map((mark) => strange.strangerAmong(beatsOf(mark))));
    expect(found.map((one) => one?.worker)).toEqual(['one', undefined, undefined, undefined]);
    expect(await strange.renew()).toBe(await strange.renew());
    let [moment, tookMs] = [0, 1000];
    const watch = createDiskWatch(strange, 'other', () => (moment += tookMs));
    const look = async (): Promise<unknown> =>
      await (await watch.mark()).stranger(beatsOf(marks[0]));
    expect([await look(), await look()]).toEqual([undefined, { worker: 'one', isFirst: true }]);
    tookMs = 1001;
    expect([await look(), await look()]).toEqual([undefined, undefined]);
  });
});

test('a wake address leads to the hosts of WAKE_HOSTS only', () => {
  const usual = wakeHostsOf(undefined, 'http://vm.internal:8081');
  const fits = (address: string, hosts = usual): boolean => fitsHosts(address, hosts);
  expect(fits('http://east.flycast')).toBe(true);
  expect(fits('http://vm.internal:9000')).toBe(true);
  expect(
    [
      'http://flycast',
      'http://xflycast',
      'http://a.internal',
      'nothing',
      'http://a.flycast@evil.example',
      'http://evil.example/a.flycast',
      'http://evil.example#.flycast',
      'http://evil.example\\.flycast',
      'file:///x.flycast',
      'http://169.254.169.254',
      'http://a.flycast.evil.example',
    ].filter((at) => fits(at)),
  ).toEqual([]);
  expect(fits('http://east.flycast', wakeHostsOf(['vm'], undefined))).toBe(false);
});
