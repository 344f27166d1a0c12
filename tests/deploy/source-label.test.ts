import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parse } from 'smol-toml';
import { expect, test } from 'vitest';
import { roles } from '../../deploy/names.ts';
import { volumes } from '../../deploy/plan.ts';
import { labelSources, sources } from '../../deploy/source-label.ts';
import { root } from '../support/fly-bench.ts';

test('a label changes with the sources of its own app and with nothing else', async () => {
  const dir = await mkdtemp(path.join(tmpdir(), 'sidepocket-label-'));
  try {
    for (const name of [
      'relay',
      'worker',
      'shared',
      'fly.redis.toml',
      'fly.relay.toml',
      'fly.vm.toml',
      'package-lock.json',
    ])
      await cp(path.join(root, name), path.join(dir, name), { recursive: true });
    const labels = async (): Promise<string[]> =>
      await Promise.all(roles.map(async (role) => await labelSources(dir, role)));
    const [redis, relay, vm] = await labels();
    expect(redis).toMatch(/^sidepocket-[0-9a-f]{12}$/);
    expect(await labels()).toEqual([redis, relay, vm]);
    await writeFile(path.join(dir, 'README.md'), 'hello');
    expect(await labels()).toEqual([redis, relay, vm]);
    await writeFile(path.join(dir, 'worker', 'new.ts'), '');
    const [sameRedis, sameRelay, otherVm] = await labels();
    expect([sameRedis, sameRelay]).toEqual([redis, relay]);
    expect(otherVm).not.toBe(vm);
    await writeFile(path.join(dir, 'Dockerfile'), 'FROM scratch');
    expect((await labels()).filter((label) => [redis, relay, otherVm].includes(label))).toEqual([]);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});

test('everything that the Dockerfile copies is in a label', async () => {
  const text = await readFile(path.join(root, 'Dockerfile'), 'utf8');
  const copied = [...text.matchAll(/^COPY (?!--from)(.+)$/gm)].flatMap(([, words = '']) =>
    words
      .split(/\s+/)
      .filter((word) => !word.startsWith('--'))
      .slice(0, -1),
  );
  expect(copied).toContain('worker');
  // Scripts of package.json change nothing in an image; what it depends on is in the lock file. The
  // simulator's image is not deployed.
  const known = new Set([...Object.values(sources).flat(), 'package.json', 'simulator']);
  expect(copied.filter((name) => !known.has(name))).toEqual([]);
});

test('the volumes are those that the fly files mount', async () => {
  for (const role of ['redis', 'vm'] as const) {
    const { mounts } = parse(await readFile(path.join(root, `fly.${role}.toml`), 'utf8'));
    expect(mounts).toMatchObject({
      source: volumes[role].name,
      initial_size: `${volumes[role].sizeGb}gb`,
    });
  }
});
