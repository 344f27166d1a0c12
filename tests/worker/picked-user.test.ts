import {
  chmod,
  chown,
  lstat,
  mkdir,
  mkdtemp,
  readFile,
  readlink,
  realpath,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { createAgentFiles } from '../../worker/agent/sandbox/files.ts';
import { asBoundAgent } from '../../worker/agent/sandbox/bounds.ts';
import { give, reachData } from '../../worker/agent/sandbox/data-place.ts';
import { giveIdentity } from '../../worker/agent/sandbox/git-identity.ts';
import { pickUser, userRange } from '../../worker/agent/sandbox/picked-user.ts';
import { findBarrier } from '../../worker/agent/sandbox/reach.ts';
import { freeUid } from '../support/free-uid.ts';

const isRoot = process.platform === 'linux' && process.getuid?.() === 0;
const notHere = isRoot ? '' : ' (not here: needs Linux and root)';
const passwd = readFileSync('/etc/passwd', 'utf8');

async function withDirectory(use: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(path.join(tmpdir(), 'sidepocket-pick-'));
  try {
    await use(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

test('numbers for users are taken where they are mapped', () => {
  expect(userRange('         0          0 4294967295')?.first).toBe(0x70_00_00_00);
  expect(userRange('0 100000 65536')?.first).toBe(40_000);
  expect(userRange('0 1000 1')).toBeUndefined();
});

test.skipIf(!isRoot)(
  `the number is the same at each start, also before the directory has its owner, and afterwards whatever the agent writes there${notHere}`,
  async () => {
    await withDirectory(async (directory) => {
      const dataDir = path.join(directory, 'data');
      const first = pickUser({ dataDir, passwd });
      expect(first).toMatchObject({ isPicked: true, gid: first.uid });
      expect(pickUser({ dataDir, passwd })).toEqual(first);
      await give(first, dataDir);
      expect((await stat(dataDir)).uid).toBe(first.uid);
      for (const forged of ['0', '1', String(first.uid + 1)]) {
        await writeFile(path.join(dataDir, '.agent-user'), forged);
        expect(pickUser({ dataDir, passwd })).toEqual(first);
      }
      // An account that came to have it, or a directory of somebody's.
      expect(() => pickUser({ dataDir, passwd: `${passwd}x:x:${first.uid}:1::/:\n` })).toThrow(
        `belongs to the user ${first.uid}`,
      );
      await chown(dataDir, 1, 1);
      expect(() => pickUser({ dataDir, passwd })).toThrow('belongs to the user 1');
    });
  },
);

test.skipIf(!isRoot)(
  `a forged number in a directory that is root’s still is not taken, nor one that an account has${notHere}`,
  async () => {
    await withDirectory(async (directory) => {
      const dataDir = path.join(directory, 'data');
      await mkdir(dataDir);
      for (const forged of ['0', 'x', '1000', '2147483648']) {
        writeFileSync(path.join(dataDir, '.agent-user'), forged);
        expect(pickUser({ dataDir, passwd }).uid).toBeGreaterThanOrEqual(0x70_00_00_00);
        expect(pickUser({ dataDir, passwd }).uid).toBeLessThan(0x70_10_00_00);
      }
      await rm(path.join(dataDir, '.agent-user'));
      const free = pickUser({ dataDir, passwd }).uid;
      await rm(path.join(dataDir, '.agent-user'));
      expect(pickUser({ dataDir, passwd: `${passwd}x:x:${free}:1::/:\n` }).uid).toBe(free + 1);
    });
  },
);

test.skipIf(!isRoot)(
  `what an agent that was root has left is handed over; what holds anything else is not${notHere}`,
  async () => {
    await withDirectory(async (directory) => {
      const uid = freeUid();
      const user = { name: String(uid), uid, gid: uid };
      const [old, other] = [path.join(directory, 'old'), path.join(directory, 'other')];
      for (const [dir, name] of [
        [old, 'workspaces'],
        [other, 'etc'],
      ] as const) {
        await mkdir(path.join(dir, name), { recursive: true });
        await writeFile(path.join(dir, name, 'file'), '');
        await give(user, dir);
      }
      expect((await stat(path.join(old, 'workspaces', 'file'))).uid).toBe(uid);
      expect((await stat(other)).uid).toBe(0);
      expect((await stat(path.join(other, 'etc', 'file'))).uid).toBe(0);
    });
  },
);

test.skipIf(!isRoot)(
  `data behind a closed directory move to an open one, with a link in their place; others stay${notHere}`,
  async () => {
    await withDirectory(async (directory) => {
      const uid = freeUid();
      const user = { name: String(uid), uid, gid: uid };
      const data = path.join(directory, 'data');
      await mkdir(path.join(data, 'home'), { recursive: true });
      await writeFile(path.join(data, 'home', 'file'), 'kept');
      expect(await findBarrier(data, user)).toBe(await realpath(directory));
      const place = await reachData(data, user);
      try {
        expect(await readlink(data)).toBe(place);
        expect(await findBarrier(place, user)).toBeUndefined();
        expect(await readFile(path.join(data, 'home', 'file'), 'utf8')).toBe('kept');
        expect(await reachData(data, user)).toBe(place);
      } finally {
        await rm(path.dirname(place), { recursive: true });
      }
      const others = path.join(directory, 'others');
      await mkdir(path.join(others, 'mine'), { recursive: true });
      await expect(reachData(others, user)).rejects.toThrow('holds other things than the agent’s');
      expect((await lstat(others)).isSymbolicLink()).toBe(false);
      // An open way is left alone.
      await chmod(directory, 0o711);
      expect(await reachData(others, user)).toBe(others);
    });
  },
);

test('git’s own settings are given where there are none, and never changed', async () => {
  await withDirectory(async (home) => {
    const files = createAgentFiles(undefined);
    await giveIdentity(files, home);
    expect(await readFile(path.join(home, '.gitconfig'), 'utf8')).toContain(
      'email = noreply@anthropic.com',
    );
    await writeFile(path.join(home, '.gitconfig'), 'mine');
    await giveIdentity(files, home);
    expect(await readFile(path.join(home, '.gitconfig'), 'utf8')).toBe('mine');
  });
});

test.skipIf(process.platform !== 'linux')('a bound command keeps its arguments as they are', () => {
  const { command, args } = asBoundAgent(
    undefined,
    { maxProcesses: 200 },
    { command: 'echo', args: ['a b', '$HOME', ''], cwd: '/data' },
  );
  expect(command).toBe('sh');
  expect(args.slice(3)).toEqual(['200', 'echo', 'a b', '$HOME', '']);
  expect(
    asBoundAgent(undefined, { group: 7 }, { command: 'echo', args: [] }).args.slice(3),
  ).toEqual(['', 'setpriv', '--groups', '7', '--', 'echo']);
});
