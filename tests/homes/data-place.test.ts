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
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { createAgentFiles } from '../../worker/agent/sandbox/files.ts';
import { asBoundAgent } from '../../worker/agent/sandbox/bounds.ts';
import { findObstacle, reachData } from '../../worker/agent/sandbox/data-place.ts';
import { giveIdentity } from '../../worker/agent/sandbox/git-identity.ts';
import { findBarrier } from '../../worker/agent/sandbox/reach.ts';
import { freeUid } from '../support/free-uid.ts';

const isRoot = process.platform === 'linux' && process.getuid?.() === 0;
const notHere = isRoot ? '' : ' (not here: needs Linux and root)';

async function withDirectory(use: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(path.join(tmpdir(), 'sidepocket-pick-'));
  try {
    await use(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

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

test.skipIf(!isRoot)(
  `homes lie only where no other user can move them and every user may pass through${notHere}`,
  async () => {
    await withDirectory(async (directory) => {
      const data = path.join(directory, 'data');
      expect(await findObstacle(data)).toBeUndefined();
      await chmod(data, 0o777);
      expect(await findObstacle(data)).toBeUndefined();
      expect((await stat(data)).mode & 0o777).toBe(0o711);
      await chown(data, 1, 1);
      expect(await findObstacle(data)).toContain('belongs to the user 1, who could move the files');
      await rm(data, { recursive: true });
      await writeFile(data, '');
      await expect(findObstacle(data)).rejects.toThrow('EEXIST');
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
