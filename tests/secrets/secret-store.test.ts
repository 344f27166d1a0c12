import {
  chown,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { NoPlaceError } from '../../worker/secrets/kept-directory.ts';
import { createSecrets, mostSecrets } from '../../worker/secrets/secrets.ts';
import type { Secrets } from '../../worker/secrets/secrets.ts';
import { runAsAgent } from '../../worker/agent/sandbox/shell.ts';
import { freeUid } from '../support/free-uid.ts';
import { seal } from '../support/seal.ts';

const [ann, bob] = ['+15551230001', 'US.13491208655302741918'];

async function withDisk(use: (dataDir: string, secrets: Secrets) => Promise<void>): Promise<void> {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'sidepocket-secrets-'));
  try {
    await use(dataDir, createSecrets({ dataDir }));
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}

test('a secret is stored sealed, for its person alone, in files of the worker’s own', async () => {
  await withDisk(async (dataDir, secrets) => {
    const box = seal(' of ann’s own\n', await secrets.publicKey());
    expect(await secrets.set(ann, 'A_TOKEN', box)).toBe('set');
    expect(await secrets.set(bob, 'B_TOKEN', seal('of bob’s own', await secrets.publicKey()))).toBe(
      'set',
    );
    expect(await secrets.values(ann)).toEqual({ A_TOKEN: 'of ann’s own' });
    expect(await secrets.values(bob)).toEqual({ B_TOKEN: 'of bob’s own' });
    expect(await secrets.values('+15551230009')).toEqual({});
    const sealed = path.join(dataDir, 'sealed');
    const names = (await readdir(sealed)).toSorted();
    expect(names).toEqual(['15551230001.json', `${bob}.json`, 'key']);
    expect(((await stat(sealed)).mode & 0o777).toString(8)).toBe('700');
    for (const name of names) {
      expect(((await stat(path.join(sealed, name))).mode & 0o777).toString(8)).toBe('600');
      expect(await readFile(path.join(sealed, name), 'latin1')).not.toContain('own');
    }
    expect(secrets.hidden.blankFor(ann)('of ann’s own')).toBe('•••A_TOKEN•••');
  });
});

test('a later worker, and another one beside it, open what the first has stored, with one key', async () => {
  await withDisk(async (dataDir) => {
    const workers = Array.from({ length: 8 }, () => createSecrets({ dataDir }));
    const keys = await Promise.all(workers.map((worker) => worker.publicKey()));
    expect(new Set(keys).size).toBe(1);
    await workers[0]?.set(ann, 'TOKEN', seal('the first one', keys[0] ?? ''));
    expect(await workers[1]?.values(ann)).toEqual({ TOKEN: 'the first one' });
    await workers[1]?.set(ann, 'TOKEN', seal('the second one', keys[0] ?? ''));
    expect(await workers[0]?.values(ann)).toEqual({ TOKEN: 'the second one' });
  });
});

test('a person lists, replaces and removes secrets, and has fifty at most', async () => {
  await withDisk(async (_dataDir, secrets) => {
    const key = await secrets.publicKey();
    for (let count = 0; count < mostSecrets; count += 1)
      expect(await secrets.set(ann, `S${count}`, seal('a value', key))).toBe('set');
    expect(await secrets.set(ann, 'ONE_MORE', seal('a value', key))).toBe('many');
    expect(await secrets.set(ann, 'S0', seal('another value', key))).toBe('set');
    expect((await secrets.values(ann))['S0']).toBe('another value');
    expect(await secrets.remove(ann, 'S0')).toBe(true);
    expect(await secrets.remove(ann, 'S0')).toBe(false);
    expect(await secrets.remove(bob, 'S1')).toBe(false);
    const listed = await secrets.list(ann);
    expect(listed).toHaveLength(mostSecrets - 1);
    expect(listed[0]).toEqual({ name: 'S1', setAt: expect.any(Date) });
    expect(await secrets.values(ann)).not.toHaveProperty('S0');
  });
});

test('what is no secret is refused: short, long, not text, sealed to another key, or changed on its way', async () => {
  await withDisk(async (_dataDir, secrets) => {
    const key = await secrets.publicKey();
    const other = Buffer.alloc(32, 9).toString('base64url');
    const changed = Buffer.from(seal('a good value', key), 'base64url');
    changed[50] = (changed[50] ?? 0) ^ 1;
    for (const [box, outcome] of [
      [seal('12345', key), 'short'],
      [seal(' 12345\n', key), 'short'],
      [seal('123456', key), 'set'],
      [seal('x'.repeat(8192), key), 'set'],
      [seal('x'.repeat(8193), key), 'long'],
      [seal('a\0bcdef', key), 'odd'],
      [seal(new Uint8Array([0xff, 0xfe, 0x41, 0x42, 0x43, 0x44]), key), 'odd'],
      [seal('a good value', other), 'unreadable'],
      [changed.toString('base64url'), 'unreadable'],
      ['', 'unreadable'],
      ['short', 'unreadable'],
    ] as const)
      expect([box.slice(0, 8), await secrets.set(ann, 'TOKEN', box)]).toEqual([
        box.slice(0, 8),
        outcome,
      ]);
  });
});

test('a directory that is not the worker’s own is not used, whatever the agent has put there', async () => {
  await withDisk(async (dataDir, secrets) => {
    const sealed = path.join(dataDir, 'sealed');
    await secrets.set(ann, 'TOKEN', seal('a good value', await secrets.publicKey()));
    await rename(sealed, path.join(dataDir, 'moved'));
    await symlink(path.join(dataDir, 'moved'), sealed);
    await expect(secrets.publicKey()).rejects.toThrow(NoPlaceError);
    await rm(sealed);
    await mkdir(sealed, { mode: 0o755 });
    await expect(secrets.list(ann)).rejects.toThrow('does not belong to the worker alone');
    expect(await secrets.values(ann)).toEqual({});
    await rm(sealed, { recursive: true });
    await writeFile(sealed, '');
    await expect(secrets.publicKey()).rejects.toThrow(NoPlaceError);
  });
});

test.skipIf(process.getuid?.() !== 0)(
  'a directory of another user is not used, even if it looks the same',
  async () => {
    await withDisk(async (dataDir, secrets) => {
      const sealed = path.join(dataDir, 'sealed');
      await mkdir(sealed, { mode: 0o700 });
      await writeFile(path.join(sealed, 'key'), Buffer.alloc(32, 1));
      await chown(sealed, 65_534, 65_534);
      await expect(secrets.publicKey()).rejects.toThrow(NoPlaceError);
    });
  },
);

test.skipIf(process.getuid?.() !== 0)(
  'an agent to whom the directory around it belongs cannot read the secrets, nor have others believed',
  async () => {
    await withDisk(async (dataDir, secrets) => {
      const uid = freeUid();
      const user = { name: String(uid), uid, gid: uid, isPicked: true };
      await chown(dataDir, uid, uid);
      const sealed = path.join(dataDir, 'sealed');
      const box = seal('a good value', await secrets.publicKey());
      expect(await secrets.set(ann, 'TOKEN', box)).toBe('set');
      const run = async (script: string): Promise<string> => {
        const { output, said } = await runAsAgent(user, script, [sealed]);
        return `${output.toString('latin1')}${said}`;
      };
      expect(await run('ls "$1"; cat "$1/key" "$1"/*.json')).not.toMatch(/box|json\n/);
      expect(await run('rm -rf "$1"; rmdir "$1"; [ -d "$1" ] && echo there')).toContain('there');
      // It can put one of its own in its place, with a key that it knows.
      await run('mv "$1" "$1.old"; mkdir -m 700 "$1"; head -c 32 /dev/zero > "$1/key"');
      await expect(secrets.publicKey()).rejects.toThrow(NoPlaceError);
      expect(await secrets.values(ann)).toEqual({});
      await run('rm -rf "$1"; mv "$1.old" "$1"');
      expect(await secrets.values(ann)).toEqual({ TOKEN: 'a good value' });
    });
  },
);
