import { head } from '../../shared/runtime/cut.ts';
import type { Home } from '../agent/homes/home.ts';
import { longPatience, runAsAgentOrOwn } from '../agent/sandbox/shell.ts';
import { startAsPerson } from './as-person.ts';
import { linksOut } from './leads-out.ts';
import type { Notes } from './notes.ts';
import type { Place } from './place.ts';
import type { Repository, StoredSnapshot } from './repository.ts';

export type RestoreDeps = {
  repository: Pick<Repository, 'read'>;
  place: Place;
  notes: Notes;
};

/**
 * A snapshot holds what no home of ours has: a special file, an absolute name, a name that leads
 * out, or a link used as a directory. Nothing of it is taken.
 */
export class RefusedSnapshot extends Error {
  override name = 'RefusedSnapshot';
}

/** What a restore came to. */
export type Restored = {
  /** The snapshot's moment (ms since 1970). */
  at: number;
  /** The links that led out of the home, which are left out. */
  links: string[];
};

const staging = (person: string): string => `.restoring-${person}`;
const ready = (person: string, at: number): string => `.restored-${person}-${at}`;
const aside = (person: string, now: number): string => `.aside-${person}-${now}`;

/**
 * Restores a snapshot into a new directory, with the person's rights, and swaps it in once it is
 * whole and checked; earlier files of the home are set aside. A kill anywhere leaves the old home
 * or, once `finishSwap` has run, the new one. The caller holds the home's lock. Throws
 * RefusedSnapshot and ResticFailure, and when the disk is full; then nothing has changed.
 */
export async function restoreHome(
  parts: RestoreDeps,
  home: Home,
  snapshot: StoredSnapshot,
  signal?: AbortSignal,
): Promise<Restored> {
  const { place } = parts;
  const directory = await place.make(home, staging(home.person));
  try {
    await unpack(parts, home, snapshot, directory, signal);
    await refuseSpecial(home, directory);
    const links = await removeLinksOut(home, directory);
    if (signal?.aborted) throw new Error('the restore was given up');
    await place.rename(home, staging(home.person), ready(home.person, snapshot.at));
    await finishSwap(parts, home, links);
    return { at: snapshot.at, links };
  } catch (error) {
    await place.remove(home, staging(home.person)).catch(() => undefined);
    throw error;
  }
}

/**
 * Swaps in a complete restore, and continues where a kill has ended the swap. Nothing is ever lost:
 * files that the home has had lie beside it then. Does nothing when nothing waits.
 */
export async function finishSwap(
  { place, notes }: Pick<RestoreDeps, 'place' | 'notes'>,
  home: Home,
  links: string[] = [],
  now = Date.now(),
): Promise<void> {
  const { person } = home;
  const [waiting] = (await place.list(home))
    .flatMap((name) => {
      const [, own, at] = /^\.restored-(.+)-(\d+)$/.exec(name) ?? [];
      return own === person ? [Number(at)] : [];
    })
    .toSorted((one, other) => other - one);
  if (waiting === undefined) return;
  // The note comes first: a home that is swapped in without one would be restored again.
  const note = await notes.read(person);
  const untold = { at: waiting, on: now, links: links.length };
  await notes.write(person, { ...note, at: waiting, digest: undefined, untold });
  const old = aside(person, now);
  await place.rename(home, person, old).catch(async (error: unknown) => {
    // A kill has come between the two renames.
    if (await isThere(home)) throw error;
  });
  await place.rename(home, ready(person, waiting), person);
  if (!(await place.hasFiles(home, old))) await place.remove(home, old);
}

async function isThere({ user, directory }: Home): Promise<boolean> {
  return (await runAsAgentOrOwn(user, '[ -e "$1" ]', [directory])).code === 0;
}

/** What tar is asked: modes as they were, the owner is who unpacks. */
const unpacking = ['tar', '--extract', '--file=-', '--preserve-permissions', '--no-same-owner'];

async function unpack(
  { repository }: Pick<RestoreDeps, 'repository'>,
  { person, user }: Home,
  { id }: StoredSnapshot,
  directory: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const command = [...unpacking, '--warning=no-timestamp', `--directory=${directory}`];
  const over = new AbortController();
  const reading = repository.read(
    person,
    id,
    signal ? AbortSignal.any([signal, over.signal]) : over.signal,
  );
  const { ended } = startAsPerson({ user, command }, reading.output, signal);
  const { code, said } = await ended;
  const isCut = /Unexpected EOF|does not look like a tar archive/.test(said);
  // Without the rest of the archive restic would wait for a reader.
  if (code !== 0 && !isCut) over.abort();
  const failed = await reading.ended.then(
    () => undefined,
    (error: unknown) => ({ error }),
  );
  if (failed && (code === 0 || isCut)) throw failed.error;
  if (/No space left on device|Disk quota exceeded/.test(said))
    throw new Error('the disk is too full to restore');
  if (signal?.aborted) throw new Error('the restore was given up');
  // tar itself leaves out what leads out of the directory, and says so.
  if (code !== 0 || /Removing leading|Member name contains/.test(said))
    throw new RefusedSnapshot(head(said.split('\n')[0] || `tar ended with ${code}`, 200));
}

async function refuseSpecial({ user }: Home, directory: string): Promise<void> {
  // An archive may say what the mode of the home itself is, which is its person's alone.
  const script =
    'chmod 700 "$1" && cd "$1" && find . ! -type f ! -type d ! -type l -print -quit && find . -type f -links +1 -print -quit';
  const { code, output } = await runAsAgentOrOwn(user, script, [directory], longPatience);
  const found = output.toString('utf8').trim();
  if (code !== 0 || found !== '') throw new RefusedSnapshot('it has a special file or a hard link');
}

/** Removes the links that lead out of the home, and returns their names. */
async function removeLinksOut(
  { user, directory: final }: Home,
  directory: string,
): Promise<string[]> {
  const listing = 'cd "$1" && find . -type l -printf "%P\\0%l\\0"';
  const { code, output } = await runAsAgentOrOwn(user, listing, [directory], longPatience);
  if (code !== 0) throw new Error('the links of the snapshot could not be read');
  const words = output.toString('latin1').split('\0').slice(0, -1);
  const links = new Map<string, string>();
  for (let index = 0; index < words.length; index += 2)
    links.set(words[index] ?? '', words[index + 1] ?? '');
  const out = linksOut(links, final);
  if (out.length === 0) return [];
  const script = 'cd "$1" && exec xargs -0 rm -f --';
  const removal = startAsPerson({ user, command: ['sh', '-c', script, 'sh', directory] }, 'pipe');
  removal.child.stdin?.end(Buffer.from(out.map((name) => `./${name}\0`).join(''), 'latin1'));
  const { code: ended, said } = await removal.ended;
  if (ended !== 0) throw new Error(`links of the snapshot could not be removed: ${said}`);
  return out.map((name) => Buffer.from(name, 'latin1').toString('utf8'));
}
