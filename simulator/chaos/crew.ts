import path from 'node:path';
import type { Shutdown } from '../../shared/runtime/lifecycle.ts';
import type { SnapshotStore } from '../../worker/snapshots/restic.ts';
import { freePort } from '../free-port.ts';
import { runWakeServer } from '../wake-server.ts';
import type { Machine } from './fleet-troubles.ts';
import { runFront } from './front.ts';
import type { Member } from './member.ts';

/**
 * Starts one of the product's processes, and again whenever it ends. `more` is its environment
 * at each start, besides what all have.
 */
export type Start = (
  name: string,
  entry: string,
  port: number,
  more: () => Record<string, string>,
  maySleep?: boolean,
) => Promise<Member>;

export type CrewDeps = { start: Start; shutdown: Shutdown };

/** How soon a machine falls asleep without work (minutes): a few seconds. */
const idleMinutes = '0.06';
/** In which time people get their first homes (ms). */
const placingMs = 20_000;
/** How long a machine may not come up before its people get another one (minutes): 24 s. */
const deadMinutes = '0.4';

/** Starts the relays behind one address. */
export async function startRelays(
  { start, shutdown }: CrewDeps,
  count: number,
  frontPort: number,
): Promise<Member[]> {
  const ports: number[] = [];
  const relays: Member[] = [];
  for (let number = 1; number <= count; number += 1) {
    const port = count === 1 ? frontPort : await freePort(0);
    ports.push(port);
    relays.push(
      await start(count === 1 ? 'relay' : `relay-${number}`, 'relay/main.ts', port, () => ({
        WAKE_HOSTS: '127.0.0.1',
        HOME_DEAD_MINUTES: deadMinutes,
      })),
    );
  }
  if (count > 1) {
    const front = await runFront(frontPort, ports);
    shutdown.add('front', () => front.stop());
  }
  return relays;
}

export type HomesOptions = {
  homes: number;
  /** The worker's names begin with it. */
  mark: string;
  /** Where the disks are. */
  dir: string;
  /** How many people there are. */
  people: number;
  store: SnapshotStore;
};

/** Starts homes: machines that sleep and are woken, each with a disk of its own and one worker. */
export async function startHomes(
  { start, shutdown }: CrewDeps,
  { homes, mark, dir, people, store }: HomesOptions,
): Promise<Machine[]> {
  const machines: Machine[] = [];
  const begun = Date.now();
  for (let number = 1; number <= homes; number += 1) {
    const [name, secret] = [`home-${number}`, `wake-secret-${number}`];
    const dataDir = path.join(dir, name);
    let worker: Member | undefined;
    const wake = await runWakeServer(secret, async () => (await worker?.wake()) ?? false);
    shutdown.add(`${name}’s address`, () => wake.stop());
    const environment = {
      WORKER_ID: `${mark}${number}`,
      HOME_NAME: name,
      DATA_DIR: dataDir,
      IDLE_MINUTES: idleMinutes,
      WAKE_ADDRESS: wake.url,
      WAKE_SECRET: secret,
      SNAPSHOT_REPOSITORY: store.repository,
      SNAPSHOT_PASSWORD: store.password,
    };
    // At first nobody is left without a place and no home without people; later each has room for
    // all.
    const isEarly = (): boolean => Date.now() - begun < placingMs;
    const entry = 'simulator/chaos/worker-main.ts';
    const more = (): Record<string, string> => ({
      ...environment,
      HOME_PEOPLE: String(isEarly() ? Math.ceil(people / homes) : people),
    });
    worker = await start(name, entry, await freePort(0), more, true);
    machines.push({ name, dataDir, worker });
  }
  return machines;
}
