import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { SetupError } from '../../shared/runtime/errors.ts';
import { createLog } from '../../shared/runtime/log.ts';
import { createHomeRegistry } from '../../shared/store/homes/registry.ts';
import { homeNameFrom } from '../../shared/store/homes/home-name.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import { fitsHosts, wakeHostsOf } from '../../relay/wake/wake-hosts.ts';
import { takePlace } from '../../worker/process/home-disk.ts';
import type { HomeNames, Place } from '../../worker/process/home-disk.ts';
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

test('a second live disk of a home does not start; a first home is one that has the people’s files', async () => {
  await withDisks(async (boot, redis, directory) => {
    await redis.sadd(keys.known, '+15551230001');
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

test('a wake address leads to the hosts of WAKE_HOSTS only', () => {
  const usual = wakeHostsOf(undefined, 'http://vm.internal:8081');
  const fits = (address: string, hosts = usual): boolean => fitsHosts(address, hosts);
  expect(fits('http://east.flycast')).toBe(true);
  expect(fits('http://vm.internal:9000')).toBe(true);
  expect(
    ['http://flycast', 'http://xflycast', 'http://a.internal', 'nothing'].map((at) => fits(at)),
  ).toEqual([false, false, false, false]);
  expect(fits('http://east.flycast', wakeHostsOf(['vm'], undefined))).toBe(false);
});
