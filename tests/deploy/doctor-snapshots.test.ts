import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { checkSnapshots } from '../../deploy/doctor/snapshots.ts';
import { takeSnapshot } from '../../worker/snapshots/take.ts';
import { noRestic, withSnapshotBench } from '../support/snapshot-bench.ts';

test('without a store, a password or a home there is nothing to read back', async () => {
  const store = { SNAPSHOT_REPOSITORY: '/no/such/store' };
  expect(await checkSnapshots({}, '/no/such')).toMatchObject({
    status: 'unchecked',
    detail: expect.stringContaining('a lost disk loses people’s files'),
  });
  expect(await checkSnapshots(store, '/no/such')).toMatchObject({
    status: 'unchecked',
    detail: 'SNAPSHOT_PASSWORD is missing',
  });
  expect(await checkSnapshots({ ...store, SNAPSHOT_PASSWORD: 'x' }, '/no/such')).toMatchObject({
    status: 'unchecked',
    detail: 'there is no home to look for yet',
  });
});

test.skipIf(noRestic !== '')(
  `the newest snapshot is read back from end to end, and what is wrong is said without a secret${noRestic}`,
  async () => {
    await withSnapshotBench(async ({ store, repository, disk }) => {
      const { homes, home: make, sh } = await disk('one');
      const home = await make('p-1');
      await sh(home, 'mkdir home; echo a > home/a');
      const environment = {
        SNAPSHOT_REPOSITORY: store.repository,
        SNAPSHOT_PASSWORD: store.password,
      };
      const check = (change = {}): ReturnType<typeof checkSnapshots> =>
        checkSnapshots({ ...environment, ...change }, homes.dataDir);
      expect(await check()).toMatchObject({
        status: 'problem',
        detail: 'no home has a complete snapshot yet',
      });
      const at = Math.floor(Date.now() / 1000) * 1000;
      const { signal } = new AbortController();
      const limits = { bytes: 1e9, files: 1000 };
      await takeSnapshot({ repository, limits }, { home, digest: undefined, at, signal });
      await mkdir(path.join(homes.dataDir, 'people', 'p-2'));
      expect(await check()).toEqual({
        about: 'Snapshots',
        status: 'ok',
        detail: `1 of 2 homes have one; the newest (${new Date(at).toISOString()}, 2 entries) was read back whole`,
      });
      expect(await check({ SNAPSHOT_PASSWORD: 'another' })).toMatchObject({
        status: 'problem',
        advice: expect.stringContaining('SNAPSHOT_PASSWORD'),
      });
      const away = await check({ SNAPSHOT_REPOSITORY: 'rest:http://me:geheim@127.0.0.1:1/x' });
      expect(away).toMatchObject({
        status: 'problem',
        detail: expect.stringContaining('connection refused'),
        advice: expect.stringContaining('network'),
      });
      expect(JSON.stringify(away)).not.toMatch(/geheim|a password of the test/);
    });
  },
);
