import { execFile } from 'node:child_process';
import {
  chmod,
  chown,
  lstat,
  mkdir,
  mkdtemp,
  readlink,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import type { Person, PersonFacts } from '../../shared/store/people.ts';
import { createAgentUsers, peopleUids } from '../../worker/agent/homes/agent-users.ts';
import type { AgentUsers } from '../../worker/agent/homes/agent-users.ts';
import { workspaceOf } from '../../worker/agent/homes/home.ts';
import { ElsewhereError, MovingError } from '../../shared/store/boxes/snapshot.ts';
import { createHomeOf } from '../../worker/agent/homes/home-of.ts';
import { createHomes } from '../../worker/agent/homes/homes.ts';
import { claimUid, makePersonal, readUids } from '../../worker/agent/homes/people-directory.ts';
import { pickBlock, userRange } from '../../worker/agent/homes/user-block.ts';
import { createAgentFiles } from '../../worker/agent/sandbox/files.ts';
import { runAsAgent } from '../../worker/agent/sandbox/shell.ts';
import { asAgent } from '../../worker/agent/sandbox/user.ts';
import { freeUid } from '../support/free-uid.ts';
import { scaled } from '../support/machine-speed.ts';

const run = promisify(execFile);
const isRoot = process.platform === 'linux' && process.getuid?.() === 0;
const notHere = isRoot ? '' : ' (not here: needs Linux and root)';
const passwd = readFileSync('/etc/passwd', 'utf8');

async function withDirectory(use: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(path.join(tmpdir(), 'sidepocket-homes-'));
  try {
    await chmod(directory, 0o711);
    await use(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Users with ids that nothing else on this machine has. */
function ownUsers(count = 64): AgentUsers {
  const uid = freeUid();
  return createAgentUsers(
    { name: String(uid), uid, gid: uid, isPicked: true },
    { first: uid, count },
  );
}

async function makePeople(directory: string): Promise<string> {
  const people = path.join(directory, 'people');
  await mkdir(people, { mode: 0o711 });
  await chmod(people, 0o711);
  return people;
}

test('numbers for users are taken where they are mapped', () => {
  expect(userRange('         0          0 4294967295')?.first).toBe(0x70_00_00_00);
  expect(userRange('0 100000 65536')?.first).toBe(40_000);
  expect(userRange('0 1000 1')).toBeUndefined();
});

test('each person gets an id that no other person and no reader of foreign bytes has, until all are taken', async () => {
  await withDirectory(async (directory) => {
    const users = createAgentUsers(
      { name: 'agent', uid: 1002, gid: 1002 },
      { first: 5000, count: 20 },
    );
    const people = await makePeople(directory);
    const uids = ['a', 'b', 'c', 'd', 'e'].map((person) => claimUid(people, person, users));
    expect(uids).toEqual([1002, 5000, 5001, 5002, 5003]);
    expect(claimUid(people, 'c', users)).toBe(5001);
    expect(readUids(people).get('d')).toBe(5002);
    expect(() => claimUid(people, 'f', users)).toThrow('every user number for people is in use');
    const readers = [0, 1, 2].map((index) => users.reader(index).uid);
    expect(new Set([...readers, ...peopleUids(users)]).size).toBe(8);
    expect([...readers, ...uids].every(users.has)).toBe(true);
    expect([0, 1001, 4999, 5020].some(users.has)).toBe(false);
  });
});

test('the first user is kept for the owner of earlier files as long as there are some', async () => {
  await withDirectory(async (directory) => {
    const users = createAgentUsers(
      { name: 'agent', uid: 1002, gid: 1002 },
      { first: 5000, count: 64 },
    );
    const people = await makePeople(directory);
    expect(claimUid(people, 'a', users, true)).toBe(5000);
    expect(claimUid(people, 'owner', users)).toBe(1002);
    expect(claimUid(people, 'b', users)).toBe(5001);
  });
});

/** Claims ids of the given people, one after the other, as soon as the file `go` is there. */
const racer = `
const { claimUid } = await import(process.argv[1]);
const { createAgentUsers } = await import(process.argv[2]);
const { existsSync } = await import('node:fs');
const [people, names] = process.argv.slice(3);
const users = createAgentUsers({ name: 'agent', uid: 1002, gid: 1002 }, { first: 5000, count: 200 });
process.stdout.write('.');
while (!existsSync(people + '/go'));
console.log(JSON.stringify(names.split(',').map((name) => [name, claimUid(people, name, users)])));
`;

test('workers that race for ids on one disk agree: one id a person, one person an id', async () => {
  await withDirectory(async (directory) => {
    const people = await makePeople(directory);
    const names = Array.from({ length: 60 }, (_, index) => `p-${index}`);
    const home = path.join(import.meta.dirname, '..', '..', 'worker', 'agent', 'homes');
    const files = ['people-directory.ts', 'agent-users.ts'].map((name) => path.join(home, name));
    const racing = [names, names.toReversed(), names].map((order) =>
      run(process.execPath, ['--input-type=module', '-e', racer, ...files, people, order.join()], {
        timeout: scaled(30_000),
      }),
    );
    await Promise.all(
      racing.map(({ child }) => new Promise((resolve) => child.stdout?.once('data', resolve))),
    );
    await writeFile(path.join(people, 'go'), '');
    const told = (await Promise.all(racing)).map(
      ({ stdout }) => new Map<string, number>(JSON.parse(stdout.slice(1))),
    );
    const [first] = told;
    expect(new Set(first?.values()).size).toBe(names.length);
    for (const other of told)
      for (const name of names) expect(other.get(name)).toBe(first?.get(name));
    expect(readUids(people).size).toBe(names.length);
  });
});

test.skipIf(!isRoot)(
  `a home belongs to its person alone, also where the worker may not give files away${notHere}`,
  async () => {
    await withDirectory(async (directory) => {
      const users = ownUsers();
      const [worker, other] = [users.at(users.first.uid + 40), users.at(users.first.uid + 2)];
      const people = await makePeople(directory);
      // As the worker runs in the image: three rights, and a directory of its own.
      await chown(people, worker.uid, worker.gid);
      const rights = '+setuid,+setgid,+kill';
      const script = `const { makePersonal } = await import(process.argv[1]);
        await makePersonal(process.argv[2], 'p-1', { name: 'x', uid: ${other.uid}, gid: ${other.uid} });`;
      const module = path.join(import.meta.dirname, '../../worker/agent/homes/people-directory.ts');
      await run('setpriv', [
        '--reuid',
        String(worker.uid),
        '--regid',
        String(worker.gid),
        '--clear-groups',
        `--inh-caps=-all,${rights}`,
        `--ambient-caps=-all,${rights}`,
        `--bounding-set=-all,${rights}`,
        '--no-new-privs',
        process.execPath,
        '--input-type=module',
        '-e',
        script,
        module,
        people,
      ]);
      const home = path.join(people, 'p-1');
      expect(await stat(home)).toMatchObject({ uid: other.uid, gid: other.uid, mode: 0o40700 });
      // Nothing is left of the making, and no other user may enter or take its place.
      const { output } = await runAsAgent(
        users.at(users.first.uid + 3),
        'ls -la "$1" 2>&1; mv "$1" "$1.gone" 2>&1',
        [home],
      );
      expect(output.toString()).toMatch(/Permission denied[\s\S]*Permission denied/);
      expect((await run('ls', ['-A', people])).stdout).toBe('p-1\n');
    });
  },
);

test.skipIf(!isRoot)(
  `a home is mended to mode 700, and refused when it is another user’s${notHere}`,
  async () => {
    await withDirectory(async (directory) => {
      const users = ownUsers();
      const people = await makePeople(directory);
      const homes = createHomes({
        dataDir: directory,
        imagesDir: path.join(directory, 'images'),
        users,
      });
      const one = await homes.of('p-1');
      expect(one).toMatchObject({
        directory: path.join(people, 'p-1'),
        user: { uid: users.first.uid },
      });
      expect(one.images).toBe(path.join(people, 'p-1', 'images'));
      expect(workspaceOf(one, '+15551230001')).toBe(
        path.join(people, 'p-1', 'workspaces', '15551230001'),
      );
      await chmod(one.directory, 0o755);
      expect(await makePersonal(people, 'p-1', users.first)).toBe(one.directory);
      expect((await stat(one.directory)).mode & 0o777).toBe(0o700);
      await mkdir(path.join(people, 'p-2'));
      await chown(path.join(people, 'p-2'), 1, 1);
      await expect(homes.of('p-2')).rejects.toThrow('belongs to the user 1, not to');
      await expect(homes.of('../p-2')).rejects.toThrow('is no id of a person');
      expect((await homes.list()).map(({ person }) => person).toSorted()).toEqual(['p-1', 'p-2']);
      expect(await readlink(path.join(people, '.users', String(users.first.uid)))).toBe('../p-1');
    });
  },
);

test('where everything is one user, homes are directories apart', async () => {
  await withDirectory(async (directory) => {
    const homes = createHomes({ dataDir: directory, imagesDir: path.join(directory, 'pictures') });
    const [one, other] = [await homes.of('p-1'), await homes.of('p-2')];
    expect(one.user).toBeUndefined();
    expect((await stat(other.directory)).mode & 0o777).toBe(0o700);
    expect(one.images).toBe(path.join(directory, 'people', 'p-1', 'pictures'));
    expect((await homes.list()).map(({ person }) => person).toSorted()).toEqual(['p-1', 'p-2']);
    await createAgentFiles(one.user).write(path.join(one.directory, 'file'), Buffer.from('x'));
    expect((await lstat(path.join(one.directory, 'file'))).isFile()).toBe(true);
  });
});

test.skipIf(!isRoot)(
  `the ids are the same at each start, do not depend on what the agent writes, and begin at an id that was picked earlier${notHere}`,
  async () => {
    await withDirectory(async (directory) => {
      const noteDir = await makePeople(directory);
      const options = { dataDir: directory, noteDir, passwd };
      const first = pickBlock(options);
      expect(first.first).toBeGreaterThanOrEqual(0x70_00_00_00);
      expect(pickBlock({ ...options, dataDir: '/elsewhere' })).toEqual(first);
      for (const forged of ['0', '1000', 'x']) {
        await writeFile(path.join(noteDir, '.first-user'), forged);
        expect(pickBlock(options).first).toBeGreaterThanOrEqual(0x70_00_00_00);
      }
      await rm(path.join(noteDir, '.first-user'), { force: true });
      const picked = 0x70_00_12_34;
      await mkdir(path.join(noteDir, '.earlier'));
      await chown(path.join(noteDir, '.earlier'), picked, picked);
      expect(pickBlock(options).first).toBe(picked);
      expect(asAgent(undefined, { command: 'true', args: [] }).command).toBe('true');
    });
  },
);

test('a conversation stays in the home that it began in when two people turn out to be one; the record has user and directory', async () => {
  await withDirectory(async (directory) => {
    const homes = createHomes({ dataDir: directory, imagesDir: path.join(directory, 'images') });
    const records = new Map<string, Partial<Person> & { id: string }>([
      ['+15551230001', { id: 'p-1' }],
      ['+15551230002', { id: 'p-2' }],
    ]);
    const noted: [string, object][] = [];
    const people = {
      async of(conversation: string): Promise<Person> {
        const none = {
          since: '',
          conversations: [],
          addresses: [],
          former: [],
          epoch: 0,
          secrets: [],
        };
        return { ...none, id: '', ...records.get(conversation) };
      },
      async note(id: string, facts: PersonFacts) {
        noted.push([id, facts]);
        for (const record of records.values()) if (record.id === id) Object.assign(record, facts);
      },
    };
    const older: [string, number][] = [];
    const homeOf = createHomeOf(people, homes, 'east', async (id, epoch) =>
      older.push([id, epoch]),
    );
    const moved = { id: 'p-3', epoch: 2, home: 'west' };
    records.set('+15551230003', moved);
    await expect(homeOf('+15551230003')).rejects.toThrow(ElsewhereError);
    records.set('+15551230003', { ...moved, home: 'east', move: 'from west to east' });
    await expect(homeOf('+15551230003')).rejects.toThrow(MovingError);
    records.set('+15551230003', { ...moved, home: 'east', directory: '', user: '' });
    await homeOf('+15551230003');
    expect(older).toEqual([['p-3', 2]]);
    records.delete('+15551230003');
    noted.length = 0;
    const [one, other] = [await homeOf('+15551230001'), await homeOf('+15551230002')];
    expect([one, other].map(({ person }) => person)).toEqual(['p-1', 'p-2']);
    await homeOf('+15551230001');
    expect(noted).toEqual([
      ['p-1', { user: 'the worker’s', home: 'east', directory: one.directory }],
      ['p-2', { user: 'the worker’s', home: 'east', directory: other.directory }],
    ]);
    await mkdir(workspaceOf(other, '+15551230002'), { recursive: true });
    const joined = { ...records.get('+15551230001'), id: 'p-1', former: ['p-2', 'p-3'] };
    for (const conversation of records.keys()) records.set(conversation, joined);
    expect((await homeOf('+15551230002')).person).toBe('p-2');
    expect((await homeOf('+15551230001')).person).toBe('p-1');
    expect(noted).toHaveLength(2);
  });
});
