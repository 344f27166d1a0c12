import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Environment } from '../../shared/runtime/env.ts';
import { peopleName } from '../../worker/agent/homes/home.ts';
import { createRepository } from '../../worker/snapshots/repository.ts';
import type { Repository, StoredSnapshot } from '../../worker/snapshots/repository.ts';
import { ResticFailure, createRestic } from '../../worker/snapshots/restic.ts';
import type { ResticFailureKind } from '../../worker/snapshots/restic.ts';
import { ok, problem, unchecked } from './finding.ts';
import type { Finding } from './finding.ts';
import { readVariable } from './variables.ts';

const about = 'Snapshots';

/** A snapshot older than this is suspect for a person who works every day (ms). */
const oldMs = 24 * 3600_000;

/** What helps, by what is wrong. */
const advice: Record<ResticFailureKind, string> = {
  absent: 'Write to Sidepocket; a snapshot is taken some seconds after the answer.',
  refused: 'Put the password that the snapshots were made with into SNAPSHOT_PASSWORD.',
  locked: 'Run it again in a minute: the worker removes outdated snapshots now.',
  away: 'Check SNAPSHOT_REPOSITORY, its keys, the network, and that restic is installed (Debian: apt-get install restic).',
};

/**
 * Reads the newest snapshot back, from the store to the last file of the archive, and writes
 * nothing.
 * @param dataDir DATA_DIR, whose homes say which people there are.
 */
export async function checkSnapshots(environment: Environment, dataDir: string): Promise<Finding> {
  const repository = readVariable('SNAPSHOT_REPOSITORY', environment);
  const password = readVariable('SNAPSHOT_PASSWORD', environment);
  if (repository === undefined)
    return unchecked(
      about,
      'there are none, since SNAPSHOT_REPOSITORY is not set: a lost disk loses people’s files',
    );
  if (password === undefined) return unchecked(about, 'SNAPSHOT_PASSWORD is missing');
  const people = await peopleOn(dataDir);
  if (people === undefined)
    return unchecked(about, `${path.join(dataDir, peopleName)} may not be read by this user`);
  if (people.length === 0) return unchecked(about, 'there is no home to look for yet');
  const cacheDir = await mkdtemp(path.join(tmpdir(), 'sidepocket-doctor-'));
  try {
    const keyId = readVariable('SNAPSHOT_KEY_ID', environment);
    const keySecret = readVariable('SNAPSHOT_KEY_SECRET', environment);
    const region = readVariable('SNAPSHOT_REGION', environment);
    const store = { repository, password, keyId, keySecret, region, cacheDir };
    return await look(createRepository(createRestic(store)), people);
  } catch (error) {
    if (!(error instanceof ResticFailure)) throw error;
    return problem(about, error.message, advice[error.kind]);
  } finally {
    await rm(cacheDir, { recursive: true, force: true });
  }
}

async function peopleOn(dataDir: string): Promise<string[] | undefined> {
  try {
    const names = await readdir(path.join(dataDir, peopleName));
    return names.filter((name) => !name.startsWith('.'));
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? [] : undefined;
  }
}

async function look(repository: Repository, people: string[]): Promise<Finding> {
  const found: { person: string; snapshot: StoredSnapshot }[] = [];
  for (const person of people) {
    const snapshot = await repository.newest(person);
    if (snapshot) found.push({ person, snapshot });
  }
  const [newest] = found.toSorted((one, other) => other.snapshot.at - one.snapshot.at);
  if (!newest) return problem(about, 'no home has a complete snapshot yet', advice.absent);
  const entries = await readBack(repository, newest.person, newest.snapshot);
  if (entries === undefined)
    return problem(
      about,
      'the newest one is not a whole archive',
      'See its restic repository (restic check), and restore an earlier one: npm run people -- restore NUMBER --before TIME',
    );
  const { at } = newest.snapshot;
  const hours = Math.round((Date.now() - at) / 3600_000);
  const age = Date.now() - at > oldMs ? `; it is ${hours} hours old` : '';
  return ok(
    about,
    `${found.length} of ${people.length} homes have one; the newest (${new Date(at).toISOString()}, ${entries} entries) was read back whole${age}`,
  );
}

/** How many entries the archive of a snapshot has; undefined if it is not an archive. */
async function readBack(
  repository: Repository,
  person: string,
  { id }: StoredSnapshot,
): Promise<number | undefined> {
  const { output, ended } = repository.read(person, id);
  const child = spawn('tar', ['--list', '--file=-', '--quoting-style=escape'], {
    stdio: [output, 'pipe', 'ignore'],
  });
  output.destroy();
  let entries = 0;
  child.stdout.on('data', (chunk: Buffer) => {
    for (const byte of chunk) if (byte === 0x0a) entries += 1;
  });
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  await ended;
  return code === 0 ? entries : undefined;
}
