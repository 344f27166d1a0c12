import { rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { runPeopleCommand } from '../../relay/people/restore-command.ts';
import { createHomeSnapshots } from '../../shared/store/home-snapshots.ts';
import { createPeopleStore } from '../../shared/store/people.ts';
import type { Fleet, FleetHome, HomeChange } from './fleet-bench.ts';
import { until } from './until.ts';

const quick = { quietMs: 1, apartMs: 1, overdueMs: 1e9, againMs: [100] };

const storeOf = ({ dataDir }: Pick<Fleet, 'dataDir'>): string =>
  path.join(path.dirname(dataDir), 'store');

/**
 * Takes the snapshot store away, as a directory whose server is gone or that is not mounted, or
 * brings it back.
 */
export async function takeStoreAway(fleet: Fleet, isAway: boolean | 'not mounted'): Promise<void> {
  const store = storeOf(fleet);
  if (isAway === false) {
    await rm(store, { force: true });
    return await rename(`${store}.away`, store);
  }
  await rename(store, `${store}.away`);
  if (isAway === true) await writeFile(store, '');
}

/** A home of the fleet with its snapshot store, a directory. */
export function withStore(fleet: Fleet, change: HomeChange = {}): HomeChange {
  return {
    ...change,
    worker: { snapshots: quick, ...change.worker },
    environment: {
      SNAPSHOT_REPOSITORY: storeOf(fleet),
      SNAPSHOT_PASSWORD: 'a password of the test',
      ...change.environment,
    },
  };
}

export function textsOf({ replies }: Pick<Fleet, 'replies'>, phone: string): string[] {
  return replies(phone).map(({ text }) => text);
}

/** Says something and waits for this answer. */
export async function answered(
  fleet: Fleet,
  phone: string,
  text: string,
  answer: string,
): Promise<void> {
  await fleet.say(text, phone);
  await until(`“${answer}”`, () => textsOf(fleet, phone).includes(answer));
}

/** Runs the operator's command; returns what it prints. */
export async function runPeople(
  fleet: Fleet,
  options: Parameters<typeof runPeopleCommand>[0],
  placement: 'shared' | 'own' = 'shared',
): Promise<string[]> {
  const lines: string[] = [];
  const say = (line: string): void => void lines.push(line);
  await runPeopleCommand(options, { redis: fleet.redis, say, everyMs: 20, placement });
  return lines;
}

/** The id of the person of a phone. */
export async function personOf({ redis }: Fleet, phone: string): Promise<string> {
  return await createPeopleStore(redis).idOf(phone);
}

/** Waits until what a person has now is in a snapshot: nothing waits for one. */
export async function snapshotted(fleet: Fleet, phone: string, after = 0): Promise<number> {
  const id = await personOf(fleet, phone);
  return await until('a snapshot', async () => {
    const last = await createHomeSnapshots(fleet.redis).last(id);
    return last && last.at > after ? last.at : undefined;
  });
}

/** A file in the home directory of a person on a disk. */
export function fileOf(home: Pick<FleetHome, 'dataDir'>, person: string, name: string): string {
  return path.join(home.dataDir, 'people', person, 'home', name);
}
