import { once } from 'node:events';
import type { Writable } from 'node:stream';
import type { HomeSnapshot } from '../../shared/store/home-snapshots.ts';
import type { Home } from '../agent/homes/home.ts';
import { startAsPerson } from './as-person.ts';
import { takeInventory } from './inventory.ts';
import type { Entry, SnapshotLimits } from './inventory.ts';
import { nameLeftOut } from './left-out.ts';
import { ResticFailure } from './restic.ts';
import type { Repository } from './repository.ts';

export type TakeDeps = { repository: Repository; limits: SnapshotLimits };

/** What is known of a home before a snapshot of it. */
export type TakeRequest = {
  home: Pick<Home, 'person' | 'user' | 'directory'>;
  /** The digest of the last snapshot's inventory, if it is known. */
  digest: string | undefined;
  /** When this snapshot is taken (ms since 1970, whole seconds). */
  at: number;
  signal: AbortSignal;
};

/** A complete snapshot; undefined means that nothing has changed since the last one. */
export type Taken = { digest: string; snapshot: HomeSnapshot | undefined };

/**
 * Takes a snapshot of a home: `tar` with the person's rights, piped into restic with the worker's,
 * so that the agent reaches neither the key nor the store. It is complete only when both ends were
 * well. Throws when it fails or is given up.
 */
export async function takeSnapshot(
  { repository, limits }: TakeDeps,
  { home, digest, at, signal }: TakeRequest,
): Promise<Taken> {
  const inventory = await takeInventory(home, limits, signal);
  if (inventory.digest === digest) return { digest, snapshot: undefined };
  const bytes = inventory.taken.reduce((sum, entry) => sum + entry.bytes, 0);
  const store = async (): Promise<{ id: string; unread: string[] }> =>
    await pack(repository, { home, at, signal, bytes }, inventory.taken);
  const { id, unread } = await store().catch(async (error: unknown) => {
    const kind = error instanceof ResticFailure ? error.kind : undefined;
    if (kind === 'absent') await repository.make(home.person, signal);
    else if (kind === 'locked') await repository.unlock(home.person, signal);
    else throw error;
    return await store();
  });
  await repository.complete(home.person, id);
  return {
    digest: inventory.digest,
    snapshot: {
      at,
      files: inventory.taken.length,
      bytes,
      leftOut: nameLeftOut([...new Set([...inventory.leftOut, ...unread])]),
    },
  };
}

/**
 * What tar is asked: the names come one by one, in an order that stays, so that what is alike is
 * stored once; owners do not matter, since another machine has other ids; a hard link is a file,
 * and the holes of a file stay holes: filled, they may be more than a disk has.
 */
const packing =
  '--create --file=- --format=gnu --sparse --owner=0 --group=0 --numeric-owner --hard-dereference --no-recursion --ignore-failed-read --null --files-from=-'.split(
    ' ',
  );

/** Stores the entries. Returns the id, and the files that could not be read. */
async function pack(
  repository: Repository,
  { home, at, signal, bytes }: Omit<TakeRequest, 'digest'> & { bytes: number },
  entries: Entry[],
): Promise<{ id: string; unread: string[] }> {
  const command = ['tar', `--directory=${home.directory}`, ...packing];
  // What remains of tar when restic has failed is killed.
  const over = new AbortController();
  const { child, ended } = startAsPerson(
    { user: home.user, command },
    'pipe',
    AbortSignal.any([signal, over.signal]),
  );
  if (!child.stdin || !child.stdout) throw new Error('tar has no pipes');
  const storing = repository.store(home.person, child.stdout, { at, bytes }, signal);
  storing.catch(() => over.abort());
  const feeding = feed(child.stdin, entries);
  feeding.catch(() => undefined);
  const id = await storing;
  const { code, said } = await ended;
  // 1: a file changed while it was read.
  if (code !== 0 && code !== 1) throw new Error(`tar ended with ${code}: ${lastLine(said)}`);
  // Fails as well when tar ends before it has all names.
  await feeding;
  return { id, unread: unreadNames(said) };
}

/** Writes the names, each ended by a zero byte, as fast as they are read. */
async function feed(input: Writable, entries: Entry[]): Promise<void> {
  const atOnce = 1000;
  for (let index = 0; index < entries.length; index += atOnce) {
    const names = entries.slice(index, index + atOnce).map(({ name }) => `${name}\0`);
    if (input.destroyed) return;
    if (!input.write(Buffer.from(names.join(''), 'latin1')))
      await Promise.race([once(input, 'drain'), once(input, 'close')]);
  }
  input.end();
}

/**
 * What could not be read: by its owner's rights, on a disk that fails, or because its path has more
 * than 4095 bytes. A file that vanished since the listing is not reported.
 */
function unreadNames(said: string): string[] {
  return said
    .split('\n')
    .filter((line) => line.startsWith('tar: ') && !line.endsWith(': No such file or directory'))
    .flatMap((line) => {
      const [name, ...reason] = line.slice('tar: '.length).split(': Warning: ');
      return name !== undefined && reason.length > 0 ? [name] : [];
    });
}

function lastLine(said: string): string {
  return said.split('\n').at(-1) ?? '';
}
