import type { Log } from '../../shared/runtime/log.ts';
import { beginEpoch } from '../../shared/store/redis/epoch.ts';
import { createPeopleStore } from '../../shared/store/people.ts';
import { connectRedis } from '../../shared/store/redis/redis.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import { permissionsOf, readEffort } from '../agent/settings.ts';
import type { Agent } from '../agent/agent.ts';
import { createLazyAgent } from '../agent/lazy-agent.ts';
import type { LazyAgent } from '../agent/lazy-agent.ts';
import { countBoot, ownerOf } from './boot-number.ts';
import { readComing } from './peek-turn.ts';
import type { Coming } from './peek-turn.ts';
import type { WorkerConfig } from '../config.ts';
import { createHidden } from '../secrets/hidden.ts';
import type { Hidden } from '../secrets/hidden.ts';
import { hideSecrets } from '../secrets/hide-secrets.ts';
import { createPersonOf } from '../secrets/person-of.ts';
import type { PersonOf } from '../secrets/person-of.ts';
import { createSecrets } from '../secrets/secrets.ts';
import type { Secrets } from '../secrets/secrets.ts';
import { createAllowed } from '../../shared/store/allowed.ts';
import { workspaceOf } from '../agent/homes/home.ts';
import { createHomeOf } from '../agent/homes/home-of.ts';
import type { HomeOf } from '../agent/homes/home-of.ts';
import { createHomes } from '../agent/homes/homes.ts';
import type { Homes } from '../agent/homes/homes.ts';
import { hasEarlier } from '../agent/homes/earlier-layout.ts';
import { createAside } from '../moving/aside.ts';
import type { Aside } from '../moving/aside.ts';
import { NoPlaceError } from '../secrets/kept-directory.ts';
import { createNoteNames } from '../secrets/note-names.ts';
import type { NoteNames } from '../secrets/note-names.ts';
import type { Snapshots, SnapshotsDeps } from '../snapshots/snapshots.ts';
import { digestOf, snapshotStoreOf } from '../snapshots/store.ts';
import type { ScheduleTimes } from '../snapshots/schedule.ts';
import { MovingError } from '../../shared/store/boxes/snapshot.ts';
import { createHomeRegistry } from '../../shared/store/homes/registry.ts';
import type { HomeFacts } from '../../shared/store/homes/registry.ts';
import { readManifest } from '../../shared/runtime/version.ts';
import { takePlace } from './home-disk.ts';
import type { Place } from './home-disk.ts';
import { createSessionLock } from './session-lock.ts';
import type { SessionLock } from './session-lock.ts';

/**
 * Creates the agent once the worker has its name, `WORKER_ID#boot`. `redis` is the worker's own
 * connection; `secretsOf` are those of a conversation's person, for their commands; `home` is the
 * name of the worker's home, for which its requests to the model are counted.
 */
export type CreateAgent = (
  owner: string,
  redis: Redis,
  secretsOf: SecretsOf,
  home: string,
) => Promise<Agent>;
export type SecretsOf = (conversation: string) => Promise<Record<string, string>>;

/**
 * The parts that exist first: connection, name, and the agent, which is already created if a turn
 * waits for it. `ready` settles when everything that this turn needs of the agent is under way.
 */
export type Boot = {
  redis: Redis;
  boot: number;
  agent: LazyAgent;
  claims: SessionLock;
  /** The home that this worker serves. */
  place: Place;
  secrets: Secrets;
  personOf: PersonOf;
  noteNames: NoteNames;
  homes: Homes;
  /** The home of a conversation's person. */
  homeOf: HomeOf;
  /** Snapshots of the homes; undefined without a store. */
  snapshots: Snapshots | undefined;
  /** Sets aside what this disk has of people who have moved. */
  aside: Aside;
  ready: Promise<void>;
};

/** A connection, and what it told before the boot was counted. */
export type Ahead = { redis: Redis; coming: Promise<Coming | undefined> };

/** Connects to Redis and looks whose turn is next. Changes nothing there, so it may come first. */
export function lookAhead({ REDIS_URL }: Pick<WorkerConfig, 'REDIS_URL'>, log: Log): Ahead {
  const redis = connectRedis(REDIS_URL, 'patient', log);
  const coming = readComing(redis);
  // The boot sees the rejection, if there is one.
  coming.catch(() => undefined);
  return { redis, coming };
}

/**
 * The optional parts of a boot: `hidden` learns what is blanked in the log, `homes` are people's
 * places on this computer, below DATA_DIR and of the worker's own user unless given, `ahead` is the
 * connection, if there is one already.
 */
export type BootDeps = {
  hidden?: Hidden;
  homes?: Homes | undefined;
  ahead?: Ahead;
  /** When snapshots are taken; as in production unless given. */
  snapshotTimes?: ScheduleTimes | undefined;
};

/** What this worker says of its home. */
async function factsOf(config: WorkerConfig, secrets: Secrets): Promise<HomeFacts> {
  const key = await secrets.publicKey().catch((error: unknown) => {
    // Where nothing can be kept, nothing is sent along either.
    if (error instanceof NoPlaceError) return undefined;
    throw error;
  });
  const store = snapshotStoreOf(config);
  return {
    address: config.WAKE_ADDRESS,
    secret: config.WAKE_ADDRESS === undefined ? undefined : config.WAKE_SECRET,
    takes: config.HOME_PEOPLE,
    version: readManifest().version,
    key,
    store: store && digestOf(store),
  };
}

/**
 * Before the boot is counted: a machine that cannot make snapshots must not end a working worker.
 */
async function snapshotsOf(
  config: WorkerConfig,
  parts: Omit<SnapshotsDeps, 'config'>,
): Promise<Snapshots | undefined> {
  if (config.SNAPSHOT_REPOSITORY === undefined) return undefined;
  const { createSnapshots } = await import('../snapshots/snapshots.ts');
  return await createSnapshots({ config, ...parts });
}

/**
 * Numbers the worker's boot and has the agent prepare the first turn before the rest of the worker
 * exists: Claude Code takes longer to start than everything else, so both start in parallel.
 * Without a waiting turn, the queues come before the agent. Files of an earlier version are moved
 * to the homes first. Throws when Redis refuses, and when a file cannot be moved.
 */
export async function bootWorker(
  config: WorkerConfig,
  createAgent: CreateAgent,
  log: Log,
  {
    hidden = createHidden(),
    homes = createHomes({ dataDir: config.DATA_DIR, imagesDir: config.IMAGES_DIR }),
    ahead = lookAhead(config, log),
    snapshotTimes: times,
  }: BootDeps = {},
): Promise<Boot> {
  const { redis } = ahead;
  try {
    const snapshots = await snapshotsOf(config, { redis, homes, times, log });
    const secrets = createSecrets({ dataDir: config.DATA_DIR, hidden });
    // Before the boot is counted, which fences off every earlier one: a disk that is refused must
    // not.
    const place = await takePlace(
      {
        dataDir: config.DATA_DIR,
        worker: config.WORKER_ID,
        names: config.homeNames,
        facts: await factsOf(config, secrets),
      },
      createHomeRegistry(redis),
      log,
    );
    const [boot, coming] = await Promise.all([
      countBoot(redis, config.WORKER_ID),
      // What was looked for ahead is in the first home's queue.
      place.suffix === '' ? ahead.coming : readComing(redis, place.suffix),
      beginEpoch(redis),
    ]);
    const owner = ownerOf(config.WORKER_ID, boot);
    const people = createPeopleStore(redis);
    const aside = createAside({ homes, snapshots });
    const known = createHomeOf(people, homes, place.name, aside.setAside);
    const homeOf = snapshots ? snapshots.homeOf(known) : known;
    if (hasEarlier(homes.dataDir)) {
      const { moveIn } = await import('../agent/homes/moving-in.ts');
      await moveIn({ homes, idOf: people.idOf, owner: createAllowed(redis).owner, log });
    }
    const personOf = createPersonOf(people, secrets);
    const noteNames = createNoteNames(people, secrets, log);
    const valuesOf: Secrets['values'] = async (person) => {
      void noteNames(person);
      return await secrets.values(person);
    };
    const secretsOf: SecretsOf = async (conversation) => valuesOf(await personOf(conversation));
    const agent = createLazyAgent(async () =>
      hideSecrets(
        await createAgent(owner, redis, secretsOf, place.name),
        { values: valuesOf, hidden },
        personOf,
        log,
      ),
    );
    const claims = createSessionLock(
      redis,
      owner,
      (conversation) => agent.release(conversation),
      log,
    );
    const prepare = async (): Promise<void> => {
      if (!coming) return;
      void agent.make();
      if (!(await claims.claimIfFree(coming.conversation))) return;
      const { conversation, remembered } = coming;
      const home = await homeOf(conversation);
      const turn = {
        conversation,
        home,
        workspace: workspaceOf(home, conversation),
        session: remembered.session,
        model: remembered.model,
        effort: readEffort(remembered.effort),
        permissions: permissionsOf(remembered.permissions, config.PERMISSIONS),
      };
      await agent.prepare?.(turn);
    };
    const ready = prepare().catch((error: unknown) =>
      // A person who moves is prepared by their move.
      log[error instanceof MovingError ? 'info' : 'warn'](
        { err: error },
        'preparing the first turn failed',
      ),
    );
    return {
      redis,
      boot,
      agent,
      claims,
      place,
      secrets,
      personOf,
      noteNames,
      homes,
      homeOf,
      snapshots,
      aside,
      ready,
    };
  } catch (error) {
    redis.disconnect();
    throw error;
  }
}
