import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { createLog } from '../../shared/runtime/log.ts';
import type { Home } from '../../worker/agent/homes/home.ts';
import { noGrants } from '../../worker/agent/workspace/grants.ts';
import { lockSession } from '../../worker/agent/sandbox/session-locks.ts';
import { createFileLifetimes } from '../../worker/process/file-lifetimes.ts';

test('pictures, temporary files and what people have sent go after their days without use; what a turn may use and all else stays', async () => {
  const dir = await mkdtemp(path.join(tmpdir(), 'sidepocket-lifetimes-'));
  try {
    const [one, other, elsewhere] = ['one', 'other', 'elsewhere'].map((name) =>
      path.join(dir, name),
    );
    const homeAt = (directory = ''): Home => ({
      person: path.basename(directory),
      user: undefined,
      directory,
      images: path.join(directory, 'images'),
      temporary: path.join(directory, 'tmp'),
    });
    const days = (count: number): Date => new Date(Date.now() - count * 24 * 3600_000);
    /**
     * Makes a file that was last read and changed so many days ago, and its directory as old as
     * that.
     */
    const put = async (name: string, changed: number, read = changed): Promise<string> => {
      const file = path.join(dir, name);
      await mkdir(path.dirname(file), { recursive: true });
      await writeFile(file, 'x');
      await utimes(file, days(read), days(changed));
      return file;
    };
    const gone = [
      await put('one/images/15551230001/old.png', 31),
      await put('one/tmp/a/b/old.txt', 400),
      await put('one/workspaces/15551230001/inbox/old.pdf', 31),
    ];
    const kept = [
      await put('one/images/15551230001/new.png', 29),
      await put('one/images/15551230001/read.png', 31, 1),
      await put('one/workspaces/15551230001/inbox/changed.pdf', 1, 31),
      await put('one/workspaces/15551230001/src/old.ts', 400),
      await put('other/workspaces/15551230002/inbox/at-work.pdf', 400),
      await put('other/tmp/at-work', 400),
      await put('elsewhere/old.txt', 400),
      await put('one/claude/old.jsonl', 400),
    ];
    // What the agent has laid leads nowhere.
    await mkdir(path.join(dir, 'one', 'workspaces', '15551230003'), { recursive: true });
    await symlink(elsewhere ?? '', path.join(dir, 'one', 'workspaces', '15551230003', 'inbox'));
    await symlink(elsewhere ?? '', path.join(dir, 'one', 'tmp', 'link'));
    const lines: string[] = [];
    const log = createLog('test', 'info', { write: (line) => void lines.push(line) });
    const lifetimes = createFileLifetimes({
      homes: { list: async () => [homeAt(one), homeAt(other)] },
      days: 30,
      atWork: new Set(['15551230002']),
      log,
    });
    await lifetimes.clean();
    expect(gone.filter((file) => existsSync(file))).toEqual([]);
    expect(kept.filter((file) => !existsSync(file))).toEqual([]);
    expect(existsSync(path.join(dir, 'one', 'images', '15551230001'))).toBe(true);
    // A directory that has become empty goes when it is as old as its files were.
    const empty = path.join(dir, 'one', 'tmp', 'a', 'b');
    await utimes(empty, days(31), days(31));
    await lifetimes.clean();
    expect(existsSync(empty)).toBe(false);
    expect(lines).toEqual([]);
    await createFileLifetimes({
      homes: { list: async () => [homeAt(path.join(dir, 'none'))] },
      days: 30,
      atWork: new Set(),
      log,
    }).clean();
    expect(lines).toEqual([]);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});

test('how long Claude Code keeps a transcript is said to it', () => {
  expect(
    lockSession({ env: {}, root: '/root', grants: noGrants, workspace: undefined }).settings,
  ).toMatchObject({ cleanupPeriodDays: 365 });
});
