import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, readdir, readlink, rm } from 'node:fs/promises';
import { lstatSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { projectName } from '../../worker/agent/homes/moving-in.ts';
import { inventory, makeEarlierData, names } from '../support/earlier-data.ts';
import { freeUid } from '../support/free-uid.ts';
import { createRandom } from '../support/random.ts';

const isRoot = process.platform === 'linux' && process.getuid?.() === 0;
const main = path.join(import.meta.dirname, '..', 'support', 'moving-main.ts');

async function withData(use: (dataDir: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(path.join(tmpdir(), 'sidepocket-moving-'));
  try {
    await chmod(directory, 0o711);
    const dataDir = path.join(directory, 'data');
    await mkdir(dataDir, { mode: 0o711 });
    await use(dataDir);
  } finally {
    await rm(directory, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** Starts the move; returns how it ended, which is by a signal after `ms` if that is given. */
async function move(dataDir: string, uid: number | undefined, ms?: number): Promise<unknown[]> {
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', main, dataDir, ...(uid ? [String(uid)] : [])],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  const ended = once(child, 'exit');
  if (ms !== undefined) void sleep(ms).then(() => child.kill('SIGKILL'));
  return await ended;
}

/** What is to be where after the move, from what was there before. */
function expected(before: Map<string, string>, dataDir: string): Map<string, string> {
  const [owner, other] = names;
  const space = (name: string): string => `people/p-${name.slice(-1)}`;
  const projects = (name: string): [string, string] => [
    `claude/projects/${projectName(path.join(dataDir, 'workspaces', name))}/`,
    `${space(name)}/claude/projects/${projectName(path.join(dataDir, space(name), 'workspaces', name))}/`,
  ];
  const moves: [string, string][] = [
    projects(owner),
    projects(other),
    ...[owner, other].flatMap((name): [string, string][] => [
      [`workspaces/${name}/`, `${space(name)}/workspaces/${name}/`],
      [`images/${name}/`, `${space(name)}/images/${name}/`],
    ]),
    ...['home/', 'claude/'].map((name): [string, string] => [name, `${space(owner)}/${name}`]),
    ['tmp/', `temp/${createHash('sha256').update('p-1').digest('hex').slice(0, 10)}/earlier/`],
  ];
  return new Map(
    [...before].map(([file, content]) => {
      const [from = '', to = ''] = moves.find(([prefix]) => file.startsWith(prefix)) ?? [];
      return [`${to}${file.slice(from.length)}`, content];
    }),
  );
}

/** The files in people's homes now. */
function inHomes(dataDir: string): Map<string, string> {
  return new Map([...inventory(dataDir)].filter(([file]) => /^(?:people\/p-|temp\/)/.test(file)));
}

function ownersOf(directory: string): Set<number> {
  const own = new Set([lstatSync(directory).uid]);
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true }))
    own.add(lstatSync(path.join(entry.parentPath, entry.name)).uid);
  return own;
}

async function expectOwners(dataDir: string, uid: number): Promise<void> {
  const people = path.join(dataDir, 'people');
  expect(ownersOf(path.join(people, 'p-1'))).toEqual(new Set([uid]));
  expect(ownersOf(path.join(people, 'p-2'))).toEqual(new Set([uid + 1]));
  expect([dataDir, people].map((file) => lstatSync(file).uid)).toEqual([0, 0]);
}

async function expectMoved(dataDir: string, before: Map<string, string>): Promise<void> {
  expect(inHomes(dataDir)).toEqual(expected(before, dataDir));
  expect((await readdir(dataDir)).toSorted()).toEqual(['home', 'people', 'temp', 'workspaces']);
  expect(await readlink(path.join(dataDir, 'home'))).toBe('people/p-1/home');
  for (const name of names)
    expect(await readlink(path.join(dataDir, 'workspaces', name))).toBe(
      `../people/p-${name.slice(-1)}/workspaces/${name}`,
    );
}

/** The commands of docs/operations.md that go back to the version before. */
async function commandsBack(): Promise<string> {
  const page = await readFile(path.join(import.meta.dirname, '../../docs/operations.md'), 'utf8');
  return /```sh back\n([\s\S]*?)```/.exec(page)?.[1] ?? 'false';
}

/** Gives everything to one user, as an earlier version did. */
async function giveAll(dataDir: string, uid: number): Promise<void> {
  const giving = spawn('chown', ['-Rh', `${uid}:${uid}`, dataDir]);
  expect(await once(giving, 'exit')).toEqual([0, null]);
}

const cases = [
  { how: 'as one user', isApart: false },
  { how: 'as users of their own', isApart: true },
].filter(({ isApart }) => !isApart || isRoot);

test.each(cases)(
  'an earlier version’s files are moved to their people’s homes $how, and old paths lead there',
  async ({ isApart }) => {
    await withData(async (dataDir) => {
      await makeEarlierData(dataDir, 20);
      const uid = isApart ? freeUid() : undefined;
      if (uid) await giveAll(dataDir, uid);
      const before = inventory(dataDir);
      expect(await move(dataDir, uid)).toEqual([0, null]);
      await expectMoved(dataDir, before);
      if (uid) await expectOwners(dataDir, uid);
      // The next start finds nothing to move.
      expect(await move(dataDir, uid)).toEqual([0, null]);
      await expectMoved(dataDir, before);

      // Back to that version, as docs/operations.md says, and forward again.
      execFileSync('sh', ['-euc', await commandsBack()], {
        env: { PATH: process.env['PATH'], DATA_DIR: dataDir },
      });
      const back = new Map([...inventory(dataDir)].filter(([file]) => before.has(file)));
      expect(back).toEqual(new Map([...before].filter(([file]) => !file.startsWith('tmp/'))));
      const owner = uid ?? process.getuid?.() ?? 0;
      expect(ownersOf(path.join(dataDir, 'workspaces'))).toEqual(new Set([owner]));
      expect(await move(dataDir, uid)).toEqual([0, null]);
      await expectMoved(dataDir, before);
    });
  },
);

test.skipIf(!isRoot)(
  `with users of their own, 5,000 files and ten kills on the way nothing is lost, and each file is its person’s${isRoot ? '' : ' (not here: needs Linux and root)'}`,
  { tags: 'long' },
  async () => {
    await withData(async (dataDir) => {
      await makeEarlierData(dataDir, 2500);
      const uid = freeUid();
      await giveAll(dataDir, uid);
      const before = inventory(dataDir);
      // Two workers begin at once; what is killed later is one alone.
      const random = createRandom(20_261_130);
      await Promise.all([move(dataDir, uid, 700), move(dataDir, uid, 900)]);
      for (let kills = 0; kills < 10;) {
        const [code] = await move(dataDir, uid, 150 + random.below(150 * (kills + 1)));
        if (code === 0) break;
        kills += 1;
      }
      const both = await Promise.all([move(dataDir, uid), move(dataDir, uid)]);
      expect(both).toEqual([
        [0, null],
        [0, null],
      ]);
      await expectMoved(dataDir, before);
      await expectOwners(dataDir, uid);
    });
  },
);
