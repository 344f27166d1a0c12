import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { createLinks } from '../../shared/store/links/links.ts';
import { createSealedSecrets } from '../../shared/store/links/sealed.ts';
import { createPeopleStore } from '../../shared/store/people.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import { createPersonOf } from '../../worker/secrets/person-of.ts';
import { createSecretDesk } from '../../worker/secrets/secret-desk.ts';
import { createSecrets } from '../../worker/secrets/secrets.ts';
import type { Secrets } from '../../worker/secrets/secrets.ts';
import { proveAddresses } from '../support/prove-addresses.ts';
import { withRedis } from '../support/redis.ts';
import { seal } from '../support/seal.ts';

const [ann, annsId, bob] = ['+15551230001', 'US.13491208655302741918', '+15551230002'];

async function withDisk(
  use: (bench: { redis: Redis; dataDir: string; secrets: Secrets }) => Promise<void>,
): Promise<void> {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'sidepocket-people-'));
  try {
    await withRedis(async (redis) => use({ redis, dataDir, secrets: createSecrets({ dataDir }) }));
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}

test('secrets that an earlier version stored by address are found under the person, and only there', async () => {
  await withDisk(async ({ redis, dataDir, secrets }) => {
    const people = createPeopleStore(redis);
    const key = await secrets.publicKey();
    await secrets.set(ann, 'OLD', seal('set by address', key));
    await secrets.set(ann, 'BOTH', seal('set by address', key));
    await secrets.set(bob, 'OLD', seal('another person', key));
    const id = await people.idOf(ann);
    await secrets.set(id, 'BOTH', seal('set since then', key));
    const personOf = createPersonOf(people, secrets);
    for (const _ of [1, 2]) {
      expect(await personOf(ann)).toBe(id);
      expect(await secrets.values(id)).toEqual({ OLD: 'set by address', BOTH: 'set since then' });
    }
    expect((await readdir(path.join(dataDir, 'sealed'))).toSorted()).toEqual(
      ['15551230002.json', `${id}.json`, 'key'].toSorted(),
    );
  });
});

test('two records that are joined share the secrets of both, and one that was removed stays so', async () => {
  await withDisk(async ({ redis, secrets }) => {
    const people = createPeopleStore(redis);
    const key = await secrets.publicKey();
    const [byId, byNumber] = [await people.idOf(annsId), await people.idOf(ann)];
    await secrets.set(byId, 'ONE', seal('of the one', key));
    await secrets.set(byNumber, 'OTHER', seal('of the other', key));
    await proveAddresses(redis, ann, annsId);
    const id = await people.idOf(ann);
    expect([byId, byNumber]).toContain(id);
    expect(await createPersonOf(people, secrets)(ann)).toBe(id);
    expect(await secrets.values(id)).toEqual({ ONE: 'of the one', OTHER: 'of the other' });
    expect(await secrets.remove(id, 'OTHER')).toBe(true);
    expect(await createPersonOf(people, secrets)(ann)).toBe(id);
    expect(Object.keys(await secrets.values(id))).toEqual(['ONE']);
  });
});

test('links and what was entered on them are found, whether they name the person or an address', async () => {
  await withDisk(async ({ redis, secrets }) => {
    const people = createPeopleStore(redis);
    const [links, sealed] = [createLinks(redis), createSealedSecrets(redis)];
    const desk = createSecretDesk({
      people,
      personOf: createPersonOf(people, secrets),
      secrets,
      links,
      sealed,
      publicUrl: 'https://relay.example',
      shared: [],
      noteNames: async () => undefined,
    });
    const url = await desk.ask(ann, 'NEW');
    expect((await links.find(url.split('/').at(-1) ?? ''))?.person).toBe(await people.idOf(ann));
    const link = { purpose: 'secret', object: 'OLD', detail: '', uses: 1 } as const;
    await links.add({ ...link, person: ann });
    await links.add({ ...link, person: bob });
    expect((await desk.openLinks(ann)).map(({ object }) => object)).toEqual(['NEW', 'OLD']);
    const box = seal('a value of ann', await secrets.publicKey());
    await sealed.put('of-ann', { person: ann, name: 'OLD', box });
    await sealed.put('of-bob', { person: bob, name: 'OLD', box });
    expect(await desk.take(ann, 'of-ann')).toEqual({ name: 'OLD', outcome: 'set' });
    expect(await desk.take(ann, 'of-bob')).toEqual({ outcome: 'gone' });
    expect((await desk.list(ann)).map(({ name }) => name)).toEqual(['OLD']);
    expect(await desk.revokeLinks(ann)).toBe(2);
    expect(await links.list(bob)).toHaveLength(1);
  });
});
