import { spawn } from 'node:child_process';
import { SetupError, reportError } from '../../shared/runtime/errors.ts';
import type { Log } from '../../shared/runtime/log.ts';
import { createHomeSnapshots } from '../../shared/store/home-snapshots.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import type { Home } from '../agent/homes/home.ts';
import type { HomeOf } from '../agent/homes/home-of.ts';
import type { Homes } from '../agent/homes/homes.ts';
import type { WorkerConfig } from '../config.ts';
import { createNotes } from './notes.ts';
import { createPlace } from './place.ts';
import { createRepository, createSharedRepository } from './repository.ts';
import { createRestic } from './restic.ts';
import { createRestores } from './restores.ts';
import type { RestoreListener } from './restores.ts';
import { snapshotStoreOf } from './store.ts';
import { createSchedule, scheduleTimes } from './schedule.ts';
import type { Schedule, ScheduleTimes } from './schedule.ts';
import { takeSnapshot } from './take.ts';

/** What is notified of snapshots and restores. */
export type SnapshotListener = RestoreListener & {
  /** A person's snapshots have failed too often. */
  onFailing(conversation: string, reason: string): Promise<void>;
};

/** Snapshots of people's homes: taken in idle time, and restored before a turn that needs one. */
export type Snapshots = Pick<Schedule, 'during' | 'holdsAwake' | 'saveNow'> & {
  /** Resolves homes as `inner` does, each once it is whole. Throws AgentFailure (`files-away`). */
  homeOf(inner: HomeOf): HomeOf;
  /** Deletes all snapshots of a home, and what is known of them. May be repeated. Returns how many. */
  erase(home: Home): Promise<number>;
  /** Forgets what is known about a home whose files are no longer here. */
  forget(person: string): Promise<void>;
  /** Starts taking snapshots, and notifies the listener. */
  start(listener: SnapshotListener): Promise<void>;
  stop(): Promise<void>;
};

export type SnapshotsDeps = {
  config: WorkerConfig;
  redis: Redis;
  homes: Homes;
  times?: ScheduleTimes | undefined;
  log: Log;
};

/**
 * Creates the snapshots of a worker; undefined when the configuration names no store. Throws
 * SetupError when this machine cannot make any.
 */
export async function createSnapshots({
  config,
  redis,
  homes,
  times = scheduleTimes,
  log,
}: SnapshotsDeps): Promise<Snapshots | undefined> {
  const store = snapshotStoreOf(config);
  if (!store) return undefined;
  const notes = createNotes(homes.dataDir);
  await Promise.all([checkPrograms(), notes.prepare()]).catch((error: unknown) => {
    throw new SetupError(
      `The environment is not valid:\n  SNAPSHOT_REPOSITORY: ${reportError(error).message}`,
      { cause: error },
    );
  });
  const records = createHomeSnapshots(redis);
  const repository = createSharedRepository(createRepository(createRestic(store)), records);
  const limits = { bytes: config.SNAPSHOT_GIGABYTES * 1e9, files: config.SNAPSHOT_FILES };
  let listener: SnapshotListener | undefined;
  const schedule = createSchedule({
    take: (request) => takeSnapshot({ repository, limits }, request),
    tidy: repository.tidy,
    notes,
    records,
    onFailing: async (conversation, reason) => await listener?.onFailing(conversation, reason),
    times,
    log,
  });
  const restores = createRestores({
    repository,
    records,
    notes,
    place: createPlace(homes),
    isShared: schedule.isSharedNow,
    log,
  });
  return {
    during: schedule.during,
    holdsAwake: schedule.holdsAwake,
    saveNow: schedule.saveNow,
    async forget(person) {
      restores.forget(person);
      await schedule.forget(person);
    },
    homeOf(inner) {
      const whole = restores.homeOf(inner);
      return async (conversation, known) => {
        const home = await whole(conversation, known);
        await schedule.enter(conversation, home);
        return home;
      };
    },
    erase: ({ person }) =>
      notes.locked(person, async () => {
        const count = await repository.empty(person);
        await records.forget(person);
        await notes.write(person, {});
        return count;
      }),
    async start(next) {
      listener = next;
      restores.listen(next);
      await schedule.recover(await homes.list());
    },
    async stop() {
      restores.stop();
      await schedule.stop();
    },
  };
}

/** Throws, with a sentence, when a program is missing. */
async function checkPrograms(): Promise<void> {
  for (const [program, from] of [
    ['restic', 'restic'],
    ['flock', 'util-linux'],
  ] as const) {
    const child = spawn(program, ['--version'], { stdio: 'ignore' });
    const isThere = await new Promise((resolve) => {
      child.once('error', () => resolve(false));
      child.once('close', () => resolve(true));
    });
    if (!isThere) throw new Error(`${program} is not installed (Debian: apt-get install ${from})`);
  }
}
