import { execFile, execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { chmod, mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { createAgentUsers } from '../../worker/agent/homes/agent-users.ts';
import type { Home } from '../../worker/agent/homes/home.ts';
import { createHomes } from '../../worker/agent/homes/homes.ts';
import type { Homes } from '../../worker/agent/homes/homes.ts';
import { runAsAgentOrOwn } from '../../worker/agent/sandbox/shell.ts';
import { createNotes, notesDirectory } from '../../worker/snapshots/notes.ts';
import type { Notes } from '../../worker/snapshots/notes.ts';
import { createPlace } from '../../worker/snapshots/place.ts';
import type { Place } from '../../worker/snapshots/place.ts';
import { createRepository } from '../../worker/snapshots/repository.ts';
import type { Repository } from '../../worker/snapshots/repository.ts';
import { ResticFailure, createRestic, repositoryOf } from '../../worker/snapshots/restic.ts';
import type { SnapshotStore } from '../../worker/snapshots/restic.ts';
import { freeUid } from './free-uid.ts';

const run = promisify(execFile);

/** Why tests that need Linux are left out here; '' where they run. */
export const noLinux = process.platform === 'linux' ? '' : ' (not here: needs Linux)';

/** Why tests that need restic are left out here; '' where they run. */
export const noRestic =
  noLinux || (isInstalled('restic') ? '' : ' (not here: restic is not installed)');

export function isInstalled(program: string): boolean {
  try {
    execFileSync(program, ['version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const isRoot = process.getuid?.() === 0;

/** One disk with homes, as a worker has it; as root, each person has a user. */
export type Disk = {
  homes: Homes;
  notes: Notes;
  place: Place;
  home(person: string): Promise<Home>;
  /** Runs a script with the person's rights in their home, and returns its output. */
  sh(home: Home, script: string): Promise<string>;
};

export type SnapshotBench = {
  directory: string;
  store: SnapshotStore;
  repository: Repository;
  plain: PlainRepository;
  /** A new disk: with other ids for people than any before. */
  disk(name: string): Promise<Disk>;
  /** Runs restic itself on a person's repository. */
  restic(person: string, args: string[]): Promise<string>;
};

/**
 * A repository that keeps archives as they are, in a directory: what restic is not the point of.
 */
export type PlainRepository = Repository & {
  /** What was stored, by its id, which is its file. */
  stored: Map<string, { person: string; at: number; isComplete: boolean }>;
  /** Stores a file as a complete snapshot, whatever is in it. */
  plant(person: string, bytes: Buffer, at: number): Promise<void>;
};

export function createPlainRepository(directory: string): PlainRepository {
  const stored: PlainRepository['stored'] = new Map();
  const ended = async (child: ChildProcess): Promise<void> => {
    const code = await new Promise((resolve) => child.once('close', resolve));
    if (code !== 0) throw new ResticFailure('away', `it ended with ${String(code)}`);
  };
  const fileOf = (): string => path.join(directory, `${stored.size}.tar`);
  return {
    stored,
    async plant(person, bytes, at) {
      const id = fileOf();
      await writeFile(id, bytes);
      stored.set(id, { person, at, isComplete: true });
    },
    async store(person, packed, { at }, signal) {
      const id = fileOf();
      stored.set(id, { person, at, isComplete: false });
      const child = spawn('sh', ['-c', 'exec cat > "$1"', 'sh', id], { stdio: [packed, 'ignore'] });
      packed.destroy();
      signal.addEventListener('abort', () => child.kill());
      await ended(child);
      return id;
    },
    async complete(_person, id) {
      const known = stored.get(id);
      if (known) known.isComplete = true;
    },
    make: async () => undefined,
    async newest(person, before = Infinity) {
      return [...stored]
        .filter(([, one]) => one.person === person && one.isComplete && one.at < before)
        .map(([id, { at }]) => ({ id, at }))
        .toSorted((one, other) => other.at - one.at)[0];
    },
    read(_person, id) {
      const child = spawn('cat', [id], { stdio: ['ignore', 'pipe', 'ignore'] });
      const done = ended(child);
      done.catch(() => undefined);
      return { output: child.stdout, ended: done };
    },
    async empty(person) {
      const own = [...stored].filter(([, one]) => one.person === person);
      for (const [id] of own) stored.delete(id);
      return own.length;
    },
    unlock: async () => undefined,
    tidy: async () => undefined,
  };
}

/** Homes on disks, and a store for their snapshots: a directory unless another is named. */
export async function withSnapshotBench(
  use: (bench: SnapshotBench) => Promise<void>,
  repository?: string,
  keys: Partial<SnapshotStore> = {},
): Promise<void> {
  const directory = await mkdtemp(path.join(tmpdir(), 'sidepocket-snapshots-'));
  try {
    await chmod(directory, 0o711);
    const store: SnapshotStore = {
      repository: repository ?? path.join(directory, 'store'),
      password: 'a password of the test',
      cacheDir: path.join(directory, 'cache'),
      ...keys,
    };
    const restic = async (person: string, args: string[]): Promise<string> => {
      const { stdout } = await run('restic', args, {
        env: {
          PATH: process.env['PATH'],
          TZ: 'UTC',
          RESTIC_REPOSITORY: repositoryOf(store.repository, person),
          RESTIC_PASSWORD: store.password,
          RESTIC_CACHE_DIR: store.cacheDir,
          AWS_ACCESS_KEY_ID: store.keyId,
          AWS_SECRET_ACCESS_KEY: store.keySecret,
        },
      });
      return stdout;
    };
    await use({
      directory,
      store,
      repository: createRepository(createRestic(store)),
      plain: createPlainRepository(directory),
      disk: (name) => createDisk(path.join(directory, name)),
      restic,
    });
  } finally {
    // Paths may be longer than Node removes.
    await run('rm', ['-rf', directory]);
  }
}

async function createDisk(dataDir: string): Promise<Disk> {
  await mkdir(path.join(dataDir, 'people'), { recursive: true, mode: 0o711 });
  await Promise.all([dataDir, path.join(dataDir, 'people')].map((name) => chmod(name, 0o711)));
  const uid = freeUid();
  const users = isRoot
    ? createAgentUsers(
        { name: String(uid), uid, gid: uid, isPicked: true },
        { first: uid, count: 64 },
      )
    : undefined;
  const homes = createHomes({ dataDir, imagesDir: path.join(dataDir, 'images'), users });
  const notes = createNotes(dataDir);
  await mkdir(notesDirectory(dataDir), { mode: 0o700 });
  return {
    homes,
    notes,
    place: createPlace(homes),
    home: (person) => homes.of(person),
    async sh({ user, directory }, script) {
      const { code, output, said } = await runAsAgentOrOwn(user, `cd "$1" && { ${script}\n}`, [
        directory,
      ]);
      if (code !== 0) throw new Error(`${script}: ${said}`);
      return output.toString('utf8').trim();
    },
  };
}
