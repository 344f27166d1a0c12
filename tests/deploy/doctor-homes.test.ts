import { chmod, chown, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { judgeComputers } from '../../deploy/doctor/computers.ts';
import type { SeenHome } from '../../deploy/doctor/computers.ts';
import { checkHomes } from '../../deploy/doctor/homes.ts';

const isRoot = process.getuid?.() === 0;

test('homes and secrets that are open to others or are another user’s are found, with what mends them', async () => {
  const data = await mkdtemp(path.join(tmpdir(), 'sidepocket-doctor-'));
  try {
    expect(checkHomes(data)).toMatchObject([{ status: 'unchecked' }]);
    const [home, sealed] = [path.join(data, 'people', 'p-1'), path.join(data, 'sealed')];
    await mkdir(home, { recursive: true, mode: 0o700 });
    await chmod(path.dirname(home), 0o711);
    await mkdir(sealed, { mode: 0o700 });
    expect(checkHomes(data)).toMatchObject([
      { status: 'ok', detail: expect.stringContaining('could read the files of another') },
    ]);
    await chmod(home, 0o755);
    await chmod(sealed, 0o750);
    await chmod(path.dirname(home), 0o777);
    expect(checkHomes(data)).toMatchObject(
      [
        ['people', '711'],
        ['people/p-1', '700'],
        ['sealed', '700'],
      ].map(([name = '', mode]) => ({
        status: 'problem',
        advice: `Run: chmod ${mode} ${path.join(data, name)}`,
      })),
    );
  } finally {
    await rm(data, { recursive: true });
  }
});

test.skipIf(!isRoot)(
  'a home belongs to the user whose number leads to it (not here without root)',
  async () => {
    const data = await mkdtemp(path.join(tmpdir(), 'sidepocket-doctor-'));
    try {
      await chmod(data, 0o711);
      const people = path.join(data, 'people');
      await mkdir(path.join(people, '.users'), { recursive: true });
      await mkdir(path.join(people, 'p-1'), { mode: 0o700 });
      await chmod(people, 0o711);
      await symlink('../p-1', path.join(people, '.users', '4711'));
      expect(checkHomes(data)).toMatchObject([
        { status: 'problem', advice: `Run: chown -Rh 4711 ${path.join(people, 'p-1')}` },
      ]);
      await chown(path.join(people, 'p-1'), 4711, 4711);
      expect(checkHomes(data)).toMatchObject([
        { status: 'ok', detail: expect.stringContaining('each with a user of its own') },
      ]);
    } finally {
      await rm(data, { recursive: true });
    }
  },
);

test('each computer is judged by what Redis knows of its home; a single one is not', () => {
  const home = (name: string, change: Partial<SeenHome> = {}): SeenHome => ({
    name,
    suffix: `@${name}`,
    address: `http://${name}.flycast`,
    takes: undefined,
    people: 1,
    version: '1.0.0',
    dead: undefined,
    helper: undefined,
    isAwake: false,
    ...change,
  });
  const first = home('one', { suffix: '', address: undefined });
  expect(judgeComputers([first])).toEqual([]);
  expect(judgeComputers([first, home('two', { takes: 4, isAwake: true })])).toEqual([
    { about: 'Computer one', status: 'ok', detail: '1 people; asleep' },
    { about: 'Computer two', status: 'ok', detail: '1 of 4 people; awake' },
  ]);
  const details = (...homes: SeenHome[]): string[] =>
    judgeComputers([first, ...homes])
      .filter(({ status }) => status === 'problem')
      .map(({ about, detail }) => `${about}: ${detail}`);
  expect(details(home('two', { address: undefined }))).toEqual([
    'Computer two: no worker of it lives, and it has no WAKE_ADDRESS at which it could be woken',
  ]);
  expect(details(home('two', { dead: '2026-11-30T09:00:00.000Z', helper: 'one' }))).toEqual([
    'Computer two: it has not come up since 2026-11-30T09:00:00.000Z; “one” sends for it',
  ]);
  expect(details(home('two', { version: '0.9.0' }))).toHaveLength(2);
});
