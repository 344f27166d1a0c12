import { spawn } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Home } from '../../worker/agent/homes/home.ts';
import { fit } from '../../worker/snapshots/inventory.ts';
import { linksOut } from '../../worker/snapshots/leads-out.ts';
import { nameLeftOut } from '../../worker/snapshots/left-out.ts';
import { createRepository, createSharedRepository } from '../../worker/snapshots/repository.ts';
import { ResticFailure, createRestic } from '../../worker/snapshots/restic.ts';
import type { Repository } from '../../worker/snapshots/repository.ts';
import { RefusedSnapshot, finishSwap, restoreHome } from '../../worker/snapshots/restore.ts';
import { takeSnapshot } from '../../worker/snapshots/take.ts';
import type { Taken } from '../../worker/snapshots/take.ts';
import { createHomeSnapshots } from '../../shared/store/home-snapshots.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import { makeTar } from '../support/made-tars.ts';
import type { Member } from '../support/made-tars.ts';
import { withRedis } from '../support/redis.ts';
import { noLinux, noRestic, withSnapshotBench } from '../support/snapshot-bench.ts';
import type { Disk } from '../support/snapshot-bench.ts';
import { until } from '../support/until.ts';

const plenty = { bytes: 1e9, files: 1000 };
const second = 1000;
const noon = Date.UTC(2026, 10, 30, 12);
const isRoot = process.getuid?.() === 0;
const noRoot = noLinux || (isRoot ? '' : ' (not here: needs root)');

async function take(
  repository: Repository,
  home: Home,
  at: number,
  { limits = plenty, digest = undefined as string | undefined } = {},
): Promise<Taken> {
  const { signal } = new AbortController();
  return await takeSnapshot({ repository, limits }, { home, digest, at, signal });
}

/** Restores the newest snapshot; returns the links that were left out. */
async function restore(repository: Repository, disk: Disk, home: Home): Promise<string[]> {
  const snapshot = await repository.newest(home.person);
  if (!snapshot) throw new Error('there is no snapshot');
  return (await restoreHome({ repository, ...disk }, home, snapshot)).links;
}

/** What lies beside the homes. */
async function beside({ homes }: Disk): Promise<string[]> {
  const names = await readdir(path.join(homes.dataDir, 'people'));
  return names.filter((name) => name.startsWith('.') && name !== '.users');
}

/** Everything in a home: type, mode, name, target, and the content of files. */
const listing =
  'find . -mindepth 1 -printf "%y %m %P %l\\n" | sort; find . -type f -print0 | sort -z | xargs -0 cat';

test('a link leads out by its target, by way of other links, and not when it leads nowhere', () => {
  const home = '/data/people/p-1';
  const out = (links: Record<string, string>): string[] =>
    linksOut(new Map(Object.entries(links)), home);
  const within = { a: 'b', 'd/e': '../a', f: `${home}/x`, g: home, h: './d//e', i: 'no/such' };
  expect(out(within)).toEqual([]);
  const leading = { a: '..', b: '/etc/passwd', 'd/e': '../../x', f: '/data/people/p-10/x' };
  expect(out(leading)).toEqual(['a', 'b', 'd/e', 'f']);
  // By its words alone the second stays within.
  expect(out({ 'a/b': '..', c: 'a/b/../x' })).toEqual(['c']);
  expect(out({ a: 'b', b: 'a', c: `${home}/../x` })).toEqual(['c']);
  // Each is followed once: forty of these alone would otherwise take minutes.
  const far = Array.from({ length: 500 }, (_, index) => [
    `l${index}`,
    `l${index + 1}/${'a/'.repeat(2000)}`,
  ]);
  expect(out(Object.fromEntries([...far, ['l500', '..']]))).toHaveLength(501);
});

test('only a complete snapshot counts, and the newest of those before a moment', async () => {
  const listed = [
    { id: 'first', time: '2026-11-30T10:00:00Z', tags: ['complete'] },
    { id: 'cut', time: '2026-11-30T12:00:00Z' },
    { id: 'second', time: '2026-11-30T11:00:00Z', tags: ['other', 'complete'] },
  ];
  const { newest } = createRepository({
    run: async () => JSON.stringify(listed),
    start: () => {
      throw new Error('nothing is read');
    },
  });
  expect((await newest('p-1'))?.id).toBe('second');
  expect((await newest('p-1', Date.UTC(2026, 10, 30, 11)))?.id).toBe('first');
  expect(await newest('p-1', Date.UTC(2026, 10, 30, 10))).toBeUndefined();
});

test('a store may take longer for more, and a lock that a killed command has left is taken away', async () => {
  const asked: number[] = [];
  const { store } = createRepository({
    run: async ({ timeoutMs = 0 }) => {
      asked.push(timeoutMs / 60_000);
      return '{"message_type":"summary","snapshot_id":"s"}';
    },
    start: () => {
      throw new Error('nothing is read');
    },
  });
  const { signal } = new AbortController();
  for (const bytes of [0, 60e6, 10e9])
    await store('p-1', Readable.from([]), { at: noon, bytes }, signal);
  expect(asked).toEqual([5, 6, 30]);
  await withSnapshotBench(async ({ disk: makeDisk, plain }) => {
    const home = await (await makeDisk('one')).home('p-1');
    let locks = 2;
    const locked = {
      ...plain,
      store: async (...given: Parameters<Repository['store']>) => {
        if (locks > 0) throw new ResticFailure('locked', 'repository is already locked');
        return await plain.store(...given);
      },
      unlock: async () => void (locks -= 1),
    };
    // Another machine's command is at work: its lock stays.
    await expect(take(locked, home, noon)).rejects.toThrow('already locked');
    expect((await take(locked, home, noon)).snapshot?.at).toBe(noon);
  });
});

test('what does not fit is left out: the largest files first, and a few are named', () => {
  const entries = [5, 9, 1, 7].map((bytes) => ({ name: `f${bytes}`, bytes }));
  expect(fit(entries, 22).leftOut).toEqual([]);
  const fitting = fit(entries, 21);
  expect(fitting.leftOut).toEqual(['f9']);
  expect(fitting.taken.map(({ name }) => name)).toEqual(['f5', 'f1', 'f7']);
  expect(fit(entries, 5).leftOut).toEqual(['f9', 'f7', 'f5']);
  const names = Array.from({ length: 12 }, (_, index) => `n${index}`);
  expect(nameLeftOut([])).toBe('');
  expect(nameLeftOut(names)).toMatch(/^n0, n1, .*, n9 and 2 more$/);
  expect(nameLeftOut(['a\nb'])).toBe('a�b');
  // Four thousand bytes are a name, too.
  expect(nameLeftOut(['home/'.repeat(800)])).toMatch(/^(?:home\/){23}home…$/);
});

test.skipIf(noRestic !== '')(
  `restic brings a home back on another disk as it was, its person’s alone, without caches and what led out${noRestic}`,
  async () => {
    await withSnapshotBench(async ({ disk, repository, restic }) => {
      const [one, other] = [await disk('one'), await disk('other')];
      const home = await one.home('p-1');
      await one.sh(
        home,
        `mkdir -p claude/projects workspaces/1 home/.npm workspaces/1/node_modules/x home/.cache
        echo said > claude/projects/s.jsonl
        echo kept > 'workspaces/1/two
lines'; chmod 640 workspaces/1/two*
        echo -n bytes > "$(printf 'home/\\377')"
        echo run > home/run; chmod 755 home/run; ln home/run home/also; ln -s run home/inside
        echo ro > workspaces/1/ro; mkdir workspaces/1/closed; echo in > workspaces/1/closed/in; chmod 500 workspaces/1/closed
        ln -s /etc/passwd home/out; mkfifo home/pipe; touch home/secret; chmod 000 home/secret
        echo gone > home/.npm/x; echo gone > home/.cache/x; echo gone > workspaces/1/node_modules/x/y`,
      );
      const taken = await take(repository, home, noon);
      // Where the worker itself is the person’s user and root, there is nothing that it may not
      // read.
      expect(taken.snapshot).toMatchObject({ at: noon, leftOut: 'home/secret' });
      // Nothing has changed: nothing is stored.
      const again = await take(repository, home, noon + second, taken);
      expect(again).toEqual({ digest: taken.digest, snapshot: undefined });

      const there = await other.home('p-1');
      expect(isRoot && there.user?.uid === home.user?.uid).toBe(false);
      expect(await restore(repository, other, there)).toEqual(['home/out']);
      await one.sh(
        home,
        'rm -rf home/out home/pipe home/secret home/.npm home/.cache workspaces/1/node_modules',
      );
      expect(await other.sh(there, listing)).toBe(await one.sh(home, listing));
      const uid = there.user?.uid ?? process.getuid?.();
      expect(await other.sh(there, `find . ! -user ${uid}; stat -c %a .`)).toBe('700');
      // The home was empty: nothing is left of it.
      expect(await beside(other)).toEqual([]);
      expect(await other.notes.read('p-1')).toMatchObject({
        at: noon,
        untold: { at: noon, links: 1 },
      });
      // Forgotten, also where a kill has ended that: nothing is left of the snapshot or its data.
      expect(await repository.empty('p-1')).toBe(1);
      expect(await repository.empty('p-1')).toBe(0);
      expect(await repository.newest('p-1')).toBeUndefined();
      expect(await restic('p-1', ['list', 'blobs'])).toBe('');
      expect(await repository.empty('p-2')).toBe(0);
    });
  },
);

test.skipIf(noRestic !== '')(
  `two workers make a person’s repository at the same time, and it is made once${noRestic}`,
  async () => {
    await withSnapshotBench(async ({ store }) => {
      await withRedis(async (redis) => {
        const inits: string[] = [];
        let isAway = true;
        const workers = ['one', 'other'].map((worker) => {
          const restic = createRestic(store);
          const run: typeof restic.run = async (command, input) => {
            if (command.args[0] === 'init') inits.push(worker);
            if (command.args[0] === 'init' && isAway) throw new Error('the store is away');
            return await restic.run(command, input);
          };
          const plain = createRepository({ ...restic, run });
          return createSharedRepository(plain, createHomeSnapshots(redis));
        });
        const { signal } = new AbortController();
        const makeAll = async (): Promise<string[]> =>
          (await Promise.allSettled(workers.map(({ make }) => make('p-1', signal)))).map(
            ({ status }) => status,
          );
        expect((await makeAll()).toSorted()).toEqual(['fulfilled', 'rejected']);
        isAway = false;
        expect(await makeAll()).toEqual(['fulfilled', 'fulfilled']);
        expect(inits).toHaveLength(2);
        expect(await readdir(path.join(store.repository, 'p-1', 'keys'))).toHaveLength(1);
        expect(await redis.exists(keys.makingRepository('p-1'))).toBe(0);
      });
    });
  },
);

test.skipIf(noRoot !== '')(
  `a tar that ends early leaves no complete snapshot${noRoot}`,
  async () => {
    await withSnapshotBench(async ({ directory, disk: makeDisk, plain }) => {
      const disk = await makeDisk('one');
      const { sh } = disk;
      const home = await disk.home('p-1');
      await sh(home, 'mkdir home; seq 50000 > home/a; seq 50000 > home/b');
      for (const [name, end] of Object.entries({ dies: 'kill -9 $$', fails: 'exit 2' })) {
        const program = path.join(directory, name);
        await writeFile(program, `#!/bin/sh\ntar "$@" | head -c 30000\n${end}\n`);
        await chmod(program, 0o755);
        const programAt = (word: string): string => (word === 'tar' ? program : word);
        const broken = { ...home, user: home.user && { ...home.user, programAt } };
        await expect(take(plain, broken, noon)).rejects.toThrow(/^tar ended with/);
      }
      expect([...plain.stored.values()].map(({ isComplete }) => isComplete)).toEqual([
        false,
        false,
      ]);
      await take(plain, home, noon + second);
      expect((await plain.newest('p-1'))?.at).toBe(noon + second);
      // A file that vanishes or changes does not end the snapshot.
      const program = path.join(directory, 'loses');
      const lost = path.join(home.directory, 'home', 'b');
      await writeFile(program, `#!/bin/sh\nrm '${lost}'; tar "$@"\nexit 1\n`, { mode: 0o755 });
      const programAt = (word: string): string => (word === 'tar' ? program : word);
      const loses = { ...home, user: home.user && { ...home.user, programAt } };
      await sh(home, 'echo more > home/c');
      const taken = await take(plain, loses, noon + 2 * second);
      expect(taken.snapshot).toMatchObject({ files: 4, leftOut: '' });
      await sh(home, 'rm home/*');
      await restore(plain, disk, home);
      expect(await sh(home, 'ls home; cat home/c')).toBe('a\nc\nmore');
    });
  },
);

test.skipIf(noLinux !== '')(
  `what a home may have of files with odd names, holes and rights is brought back, and what tar cannot name is named${noLinux}`,
  async () => {
    await withSnapshotBench(async ({ disk: makeDisk, plain }) => {
      const [one, other] = [await makeDisk('one'), await makeDisk('other')];
      const home = await one.home('p-1');
      // A path that is longer than the system takes in one call.
      const deep =
        'long=$(printf %0200d 0); for name in a b; do mkdir $name; (cd $name; for i in $(seq 11); do mkdir $long; cd $long; done; echo in > file); done; mv b a/$long/$long/$long/$long/$long/$long/$long/$long/$long/$long/$long';
      await one.sh(
        home,
        `mkdir home; cd home; echo 1 > -rf; echo 2 > --checkpoint-action=exec=false; mkdir -p '@x/ -C'
        echo run > suid; chmod 4755 suid; truncate -s 50M holes; echo end >> holes; ${deep}`,
      );
      const { snapshot } = await take(plain, home, noon);
      expect(snapshot?.leftOut).toMatch(/^home\/a\/0+…(?:, home\/a\/0+…)*$/);
      const [stored] = plain.stored.keys();
      expect((await stat(stored ?? '')).size).toBeLessThan(1e6);
      const there = await other.home('p-1');
      await restore(plain, other, there);
      const look =
        'cd home; rm -rf a/0*/0*/0*/0*/0*/0*/0*/0*/0*/0*/0*/b; find . -printf "%m %y %s %P\\n" | sort; tail -c 4 holes; cat ./-rf; find . -type f -size +1000k -printf "%b"';
      expect(await other.sh(there, look)).toBe(await one.sh(home, look));
      await one.place.remove(home, 'p-1');
      expect(await readdir(path.dirname(home.directory))).not.toContain('p-1');
    });
  },
);

test.skipIf(noRestic !== '')(
  `a store that never answers, or answers with 500, is given up in time, and said to be away${noRestic}`,
  async () => {
    const server = createHttpServer((request, response) => {
      if (request.url?.startsWith('/500/')) response.writeHead(500).end('topsecret');
    });
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    try {
      const ends = await Promise.allSettled(
        [
          ['hangs', 400] as const,
          // Restic takes its time to begin, so the answer decides and not this time.
          ['500', 60_000] as const,
        ].map(([way, timeoutMs]) =>
          createRestic({
            repository: `rest:http://user:topsecret@127.0.0.1:${port}/${way}`,
            password: 'topsecret',
            cacheDir: path.join(tmpdir(), 'sidepocket-no-cache'),
          }).run({ person: 'p-1', args: ['cat', 'config', '--no-cache'], timeoutMs }),
        ),
      );
      const away = (message: unknown): unknown => ({ reason: { kind: 'away', message } });
      expect(ends).toMatchObject([
        away('the store has not done it in 0.4 s'),
        away(expect.stringMatching(/^Fatal: unable to open config file: .* 500 Internal/)),
      ]);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  },
);

test.skipIf(noRestic !== '' || !isRoot)(
  `what restic itself has of a tar that ended early is never restored${noRestic}`,
  { tags: 'long' },
  async () => {
    await withSnapshotBench(async ({ directory, disk: makeDisk, repository, restic, store }) => {
      const disk = await makeDisk('one');
      const home = await disk.home('p-1');
      await disk.sh(home, 'mkdir home; echo whole > home/a');
      await take(repository, home, noon);
      const program = path.join(directory, 'dies');
      await writeFile(program, '#!/bin/sh\ntar "$@" | head -c 3000\nkill -9 $$\n', { mode: 0o755 });
      const programAt = (word: string): string => (word === 'tar' ? program : word);
      const broken = { ...home, user: home.user && { ...home.user, programAt } };
      await disk.sh(home, 'seq 5000 > home/a');
      await expect(take(repository, broken, noon + second)).rejects.toThrow(/^tar ended with/);
      expect(JSON.parse(await restic('p-1', ['snapshots', '--json']))).toHaveLength(2);
      expect((await repository.newest('p-1'))?.at).toBe(noon);
      await restore(repository, disk, home);
      expect(await disk.sh(home, 'cat home/a')).toBe('whole');

      // Tidying that was killed has left a lock that lets nothing be stored.
      const locks = async (): Promise<string[]> =>
        (await readdir(path.join(store.repository, 'p-1', 'locks'))).filter(
          (name) => !name.includes('tmp'),
        );
      const environment = {
        PATH: process.env['PATH'],
        RESTIC_REPOSITORY: path.join(store.repository, 'p-1'),
        RESTIC_PASSWORD: store.password,
      };
      await until('a lock that is left', async () => {
        const args = ['forget', '--keep-last', '9', '--prune', '--no-cache'];
        const child = spawn('restic', args, { env: environment, stdio: 'ignore' });
        const ended = new Promise((resolve) => void child.once('close', resolve));
        while (child.exitCode === null && (await locks()).length === 0) await setImmediate();
        child.kill('SIGKILL');
        await ended;
        return (await locks()).length > 0;
      });
      await take(repository, home, noon + 2 * second);
      expect([await locks(), (await repository.newest('p-1'))?.at]).toEqual([
        [],
        noon + 2 * second,
      ]);
      const closed = createRepository(createRestic({ ...store, password: 'another one' }));
      await expect(closed.newest('p-1')).rejects.toMatchObject({
        kind: 'refused',
        message: expect.stringContaining('wrong password') as string,
      });
      await expect(take(closed, home, noon + 3 * second)).rejects.toMatchObject({
        kind: 'refused',
      });

      // What restic has kept of people who went elsewhere.
      const old = path.join(store.cacheDir, 'f'.repeat(64));
      await mkdir(old);
      await writeFile(path.join(old, 'version'), '1');
      await utimes(old, new Date(0), new Date(0));
      await repository.tidy('p-1');
      expect(await readdir(store.cacheDir)).not.toContain('f'.repeat(64));
    });
  },
);

const hostile: Record<string, Member[]> = {
  'an absolute name': [{ name: '/tmp/sidepocket-hostile' }],
  'a name that leads out': [{ name: 'home/../../../up' }],
  'a file through a link': [
    { name: 'a', type: '2', link: '/tmp' },
    { name: 'a/sidepocket-hostile' },
  ],
  'a file through two links': [
    { name: 'a', type: '2', link: '..' },
    { name: 'b', type: '2', link: 'a' },
    { name: 'b/up' },
  ],
  'a hard link to what is outside': [{ name: 'a', type: '1', link: '/etc/passwd' }],
  'a hard link within': [{ name: 'a' }, { name: 'b', type: '1', link: 'a' }],
  'a pipe': [{ name: 'a', type: '6' }],
  'a device': [{ name: 'a', type: '3' }],
  'a block device': [{ name: 'a', type: '4' }],
  'an absolute name in an extended header': [
    { name: 'x', type: 'x', content: '33 path=/tmp/sidepocket-hostile\n' },
    { name: 'a' },
  ],
  'a way up in an extended header': [
    { name: 'x', type: 'x', content: '17 path=../../up\n' },
    { name: 'a' },
  ],
  'a link in place of the home itself': [{ name: '.', type: '2', link: '/etc' }],
};

test.skipIf(noLinux !== '')(
  `a snapshot that no home of ours could have given is refused whole, and nothing changes${noLinux}`,
  async () => {
    await withSnapshotBench(async ({ disk: makeDisk, plain }) => {
      const disk = await makeDisk('one');
      const home = await disk.home('p-1');
      await disk.sh(home, 'mkdir home; echo old > home/a');
      const accepted: string[] = [];
      for (const [what, members] of Object.entries(hostile)) {
        await plain.plant('p-1', makeTar([{ name: 'home', type: '5' }, ...members]), noon);
        const ended = await restore(plain, disk, home).catch((error: unknown) => error);
        if (!(ended instanceof RefusedSnapshot)) accepted.push(`${what}: ${String(ended)}`);
        plain.stored.clear();
      }
      const whole = makeTar([
        { name: 'home', type: '5' },
        { name: 'home/a', content: 'new' },
      ]);
      await plain.plant('p-1', whole.subarray(0, 1100), noon);
      const ended = await restore(plain, disk, home).catch((error: unknown) => error);
      if (!(ended instanceof RefusedSnapshot)) accepted.push(`a cut one: ${String(ended)}`);
      expect(accepted).toEqual([]);
      expect(await disk.sh(home, 'cat home/a; ls -A')).toBe('old\nhome');
      expect(await beside(disk)).toEqual([]);
      expect(await readFile('/tmp/sidepocket-hostile').catch(() => 'none')).toBe('none');

      // The home is its person's alone, whatever mode the archive has for it; what links are called
      // does not matter, nor that the earlier home has what its person may not read.
      const odd = makeTar([
        { name: './', type: '5', mode: '0000777' },
        { name: 'home', type: '5' },
        { name: 'home/a', content: 'new' },
        { name: '-rf', type: '2', link: '/etc' },
        { name: 'a\n/etc', type: '2', link: '/etc' },
      ]);
      await disk.sh(home, 'mkdir home/closed; touch home/closed/in; chmod 000 home/closed');
      await plain.plant('p-1', odd, noon + second);
      expect((await restore(plain, disk, home)).toSorted()).toEqual(['-rf', 'a\n/etc']);
      expect(await disk.sh(home, 'cat home/a; stat -c " %a" .; ls -Aq')).toBe('new 700\na?\nhome');
      const [aside = ''] = await beside(disk);
      expect(await disk.sh(home, `cd ../${aside}/home; chmod 700 closed; ls closed`)).toBe('in');
    });
  },
);

/** Parts that end with the given step, as a killed worker does: nothing works after it. */
function killedAt<T extends object>(parts: T, counter: { left: number }): T {
  return Object.fromEntries(
    Object.entries(parts).map(([name, method]) => [
      name,
      async (...args: unknown[]) => {
        if (counter.left <= 0) throw new Error('killed');
        counter.left -= 1;
        return await (method as (...given: unknown[]) => unknown)(...args);
      },
    ]),
  ) as T;
}

test.skipIf(noLinux !== '')(
  `a worker that is killed at any step of a restore leaves the old home or the new one, and no file is lost${noLinux}`,
  async () => {
    await withSnapshotBench(async ({ disk: makeDisk, plain }) => {
      const disk = await makeDisk('one');
      const home = await disk.home('p-1');
      await disk.sh(home, 'mkdir home; echo new > home/a');
      await take(plain, home, noon);
      const snapshot = await plain.newest('p-1');
      if (!snapshot) throw new Error('there is no snapshot');
      const seen: string[] = [];
      for (let steps = 0, isWhole = false; !isWhole; steps += 1) {
        expect(steps).toBeLessThan(20);
        await disk.sh(home, `echo old ${steps} > home/a`);
        const counter = { left: steps };
        const [place, notes] = [killedAt(disk.place, counter), killedAt(disk.notes, counter)];
        isWhole = await restoreHome({ repository: plain, place, notes }, home, snapshot).then(
          () => true,
          (error: unknown) => !String(error).includes('killed'),
        );
        // The next boot.
        await finishSwap(disk, home);
        const now = await disk.sh(home, 'cat home/a');
        expect(['new', `old ${steps}`]).toContain(now);
        seen.push(now === 'new' ? 'new' : 'old');
        if (now !== 'new') continue;
        expect((await disk.notes.read('p-1')).at).toBe(noon);
        const [aside = ''] = (await beside(disk)).toSorted().toReversed();
        expect(aside).toMatch(/^\.aside-p-1-\d+$/);
        expect(await disk.sh(home, `cat ../${aside}/home/a`)).toBe(`old ${steps}`);
      }
      expect(seen.join(' ')).toMatch(/^old( old)+( new){3,}$/);
    });
  },
);

test.skipIf(noLinux !== '')(
  `entries beyond the limit are left out after what matters most, and their directories named${noLinux}`,
  async () => {
    await withSnapshotBench(async ({ disk: makeDisk, plain }) => {
      const disk = await makeDisk('one');
      const home = await disk.home('p-1');
      await disk.sh(
        home,
        'mkdir -p claude workspaces/1/many home zoo; touch claude/a home/b zoo/c; cd workspaces/1/many; touch $(seq 40)',
      );
      const { snapshot } = await take(plain, home, noon, { limits: { bytes: 1e9, files: 30 } });
      expect(snapshot).toMatchObject({ files: 30 });
      expect(snapshot?.leftOut).toBe('workspaces/1/many (15 entries), home, home/b, zoo, zoo/c');
      await disk.sh(home, 'rm -r workspaces; seq 5000 > zoo/large; echo said > claude/a');
      const sized = await take(plain, home, noon + second, { limits: { bytes: 100, files: 30 } });
      expect(sized.snapshot).toMatchObject({ bytes: 5, leftOut: 'zoo/large' });
      const other = await makeDisk('other');
      const there = await other.home('p-1');
      await restore(plain, other, there);
      expect(await other.sh(there, 'cat claude/a; find . -type f | sort')).toBe(
        'said\n./claude/a\n./home/b\n./zoo/c',
      );
      // The worker holds names and targets: there is room for one of these.
      await disk.sh(home, 'long=$(printf %04000d 0); for to in 1 2; do ln -s $long zoo/$to; done');
      const linked = await take(plain, home, noon + 2 * second, {
        limits: { bytes: 100, files: 30 },
      });
      expect(linked.snapshot?.leftOut).toMatch(/^zoo\/large, zoo\/[12]$/);
    });
  },
);
