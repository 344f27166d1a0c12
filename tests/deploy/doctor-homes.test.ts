import { chmod, chown, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
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
