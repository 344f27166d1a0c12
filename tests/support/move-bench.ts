import { cp, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createLog } from '../../shared/runtime/log.ts';
import { createQueues } from '../../shared/store/all-queues.ts';
import { createHomeSnapshots } from '../../shared/store/home-snapshots.ts';
import { createHomeRegistry } from '../../shared/store/homes/registry.ts';
import type { HomeSuffix } from '../../shared/store/redis/keys.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import { createStores } from '../../shared/store/stores.ts';
import type { Stores } from '../../shared/store/stores.ts';
import { createHomes } from '../../worker/agent/homes/homes.ts';
import { createAside } from '../../worker/moving/aside.ts';
import { createMover } from '../../worker/moving/mover.ts';
import type { Mover } from '../../worker/moving/mover.ts';
import { createNotes } from '../../worker/snapshots/notes.ts';
import type { Snapshots } from '../../worker/snapshots/snapshots.ts';
import { createPersonOf } from '../../worker/secrets/person-of.ts';
import { createSecrets } from '../../worker/secrets/secrets.ts';
import { withRedis } from './redis.ts';

/** A worker's part in moves, on a disk of its own. */
export type Side = {
  mover: Mover;
  stores: Stores;
  /** Whether it was killed. */
  isKilled(): boolean;
  /** How many steps it has taken. */
  steps(): number;
};

export type MoveBench = {
  redis: Redis;
  /** A process of this home, a new one for each call; it is killed before this step of its own. */
  start(name: string, kill?: number): Promise<Side>;
  directoryOf(name: string): string;
  secretsOf(name: string): ReturnType<typeof createSecrets>;
  /** Takes a snapshot of a person's home. */
  snapshot(name: string, person: string): Promise<void>;
};

const log = createLog('test', process.env['LOG_LEVEL'] || 'silent');

/** What moves change, by the names of their methods: a kill comes between two of them. */
const steps = new Set([
  'advance',
  'put',
  'note',
  'replace',
  'sealTo',
  'saveNow',
  'restoreNow',
  'setAside',
  'add',
  'remove',
]);

/** Counts the steps of a process, and kills it before one: nothing of it happens from then on. */
function createKiller(step: number) {
  let count = 0;
  let isKilled = false;
  const guard = <T extends object>(target: T): T =>
    new Proxy(target, {
      get(object, property) {
        const value: unknown = Reflect.get(object, property);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]) => {
          if (steps.has(String(property))) count += 1;
          isKilled ||= step > 0 && count >= step;
          if (isKilled) throw new Error('killed');
          return Reflect.apply(value, object, args);
        };
      },
    });
  return { guard, isKilled: () => isKilled, count: () => count };
}

/** Snapshots that are copies of homes in a directory: what restic is not the point of. */
function createPlainSnapshots(
  store: string,
  dataDir: string,
  redis: Redis,
): Snapshots & { restoreNow(person: string, directory: string): Promise<void> } {
  const notes = createNotes(dataDir);
  const records = createHomeSnapshots(redis);
  const plain = {
    during: async <T>(_conversation: string, work: () => Promise<T>): Promise<T> => await work(),
    holdsAwake: () => false,
    forget: async () => undefined,
    start: async () => undefined,
    stop: async () => undefined,
    async saveNow({ person, directory }: { person: string; directory: string }) {
      const last = await records.last(person);
      const at = (last?.at ?? 0) + 1000;
      await cp(directory, path.join(store, `${person}-${at}`), { recursive: true });
      await notes.change(person, (note) => ({ ...note, at }));
      await records.note(person, { at, files: 1, bytes: 1, leftOut: '' });
      return at;
    },
    async restoreNow(person: string, directory: string) {
      const last = await records.last(person);
      const { at } = await notes.read(person);
      if (!last || (at ?? 0) >= last.at) return;
      const next = `${directory}.next`;
      await rm(next, { recursive: true, force: true });
      await cp(path.join(store, `${person}-${last.at}`), next, { recursive: true });
      await notes.change(person, (note) => ({ ...note, at: last.at }));
      await rm(directory, { recursive: true, force: true });
      await rename(next, directory);
    },
    homeOf(
      this: { restoreNow: (person: string, directory: string) => Promise<void> },
      inner: (conversation: string) => ReturnType<ReturnType<Snapshots['homeOf']>>,
    ) {
      return async (conversation: string) => {
        const home = await inner(conversation);
        await this.restoreNow(home.person, home.directory);
        return home;
      };
    },
  };
  return plain as unknown as ReturnType<typeof createPlainSnapshots>;
}

/** Two homes with disks of their own, whose processes may be killed at any step of a move. */
export async function withMoves(test: (bench: MoveBench) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(path.join(tmpdir(), 'sidepocket-moves-'));
  const opened: Stores[] = [];
  try {
    await withRedis(async (redis) => {
      const registry = createHomeRegistry(redis);
      const directoryOf = (name: string): string => path.join(directory, name);
      const secretsOf = (name: string) => createSecrets({ dataDir: directoryOf(name) });
      for (const name of ['one', 'two']) {
        await mkdir(directoryOf(name), { recursive: true });
        const key = await secretsOf(name).publicKey();
        await registry.register(
          { name, id: name, worker: name, mayBeFirst: true },
          {
            address: undefined,
            secret: undefined,
            takes: undefined,
            version: '1',
            key,
            store: 's',
          },
        );
      }
      await test({
        redis,
        directoryOf,
        secretsOf,
        async snapshot(name, person) {
          const dataDir = directoryOf(name);
          const snapshots = createPlainSnapshots(path.join(directory, 'store'), dataDir, redis);
          const homes = createHomes({ dataDir, imagesDir: path.join(dataDir, 'images') });
          await snapshots.saveNow(await homes.of(person));
        },
        async start(name, kill = 0) {
          const { guard, isKilled, count } = createKiller(kill);
          const suffix: HomeSuffix = name === 'one' ? '' : `@${name}`;
          const queues = createQueues(redis, { home: suffix });
          const plain = createStores(redis, queues, { days: 30, log, home: suffix });
          opened.push(plain);
          const stores: Stores = {
            ...plain,
            moves: guard(plain.moves),
            people: guard(plain.people),
            outbox: guard(plain.outbox),
            turns: guard(plain.turns),
          };
          const dataDir = directoryOf(name);
          await createNotes(dataDir).prepare();
          const homes = createHomes({ dataDir, imagesDir: path.join(dataDir, 'images') });
          const snapshots = guard(
            createPlainSnapshots(path.join(directory, 'store'), dataDir, redis),
          );
          const secrets = guard(secretsOf(name));
          const boot = {
            homes,
            snapshots,
            secrets,
            personOf: createPersonOf(stores.people, secrets),
            place: { name, suffix },
            claims: {
              claim: async () => undefined,
              claimIfFree: async () => true,
              onControl: () => undefined,
            },
            agent: { release: async () => undefined },
          };
          const aside = guard(createAside({ homes, snapshots }));
          // Only these of an agent and of its worker take part in a move.
          const mover = createMover({ stores, boot: boot as never, aside, log });
          return { mover, stores: plain, isKilled, steps: count };
        },
      });
      await Promise.all(opened.map((stores) => stores.close()));
    });
  } finally {
    await rm(directory, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** Writes and reads a file of a person on a disk. */
export async function writeTo(
  bench: MoveBench,
  home: string,
  person: string,
  text: string,
): Promise<void> {
  const file = path.join(bench.directoryOf(home), 'people', person, 'home', 'kept');
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, text);
}
export async function readFrom(bench: MoveBench, home: string, person: string): Promise<string> {
  return await readFile(
    path.join(bench.directoryOf(home), 'people', person, 'home', 'kept'),
    'utf8',
  );
}
