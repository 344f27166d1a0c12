import type { Entry } from './listing.ts';
import type { Held } from './held.ts';

/**
 * The steps from one content of a directory to another. `sections`: directories to open, files to
 * remove, directories to remove (the deepest first) and to make, and files to write. `modes`: the
 * permissions to set, and of which paths; what is deeper comes first.
 */
export type Way = { sections: string[][]; modes: [mode: string, paths: string[]][] };

const depthOf = (path: string): number => path.split('/').length;
const byDepth = (one: string, other: string): number => depthOf(one) - depthOf(other);

/** Whether its owner cannot list, enter or change a directory. */
const isClosed = ({ type, mode }: Entry): boolean =>
  type === 'd' && (Number.parseInt(mode, 8) & 0o700) !== 0o700;

/**
 * Finds the steps from `now` to `then`. What is left out of both is not touched. Every step may be
 * repeated, also when some of the later ones are done.
 */
export function findWay(now: Held, then: Held): Way {
  const closed = new Set<string>();
  const [files, directories, made, written, moded]: string[][] = [[], [], [], [], []];
  for (const [path, entry] of now.manifest) {
    const after = then.manifest.get(path);
    if (isClosed(entry)) closed.add(path);
    if (entry.type === 'd' && after?.type !== 'd') directories?.push(path);
    if (now.blobs.has(path) && after?.type !== entry.type) files?.push(path);
  }
  for (const [path, entry] of then.manifest) {
    const { type, mode } = entry;
    const before = now.manifest.get(path);
    if (isClosed(entry)) closed.add(path);
    if (type === 'd' && before?.type !== 'd') made?.push(path);
    const blob = then.blobs.get(path);
    const isWritten = blob !== undefined && (before?.type !== type || now.blobs.get(path) !== blob);
    if (isWritten) written?.push(path);
    const isChanged = isWritten || before?.type !== type || before.mode !== mode;
    if (
      type === 'd' ? isChanged || closed.has(path) : type === 'f' && blob !== undefined && isChanged
    )
      moded?.push(path);
  }
  return {
    sections: [
      [...closed].toSorted(byDepth),
      files ?? [],
      (directories ?? []).toSorted(byDepth).toReversed(),
      (made ?? []).toSorted(byDepth),
      written ?? [],
    ],
    modes: groupModes(moded ?? [], then),
  };
}

function groupModes(paths: string[], { manifest }: Held): Way['modes'] {
  const groups: Way['modes'] = [];
  const levels = Map.groupBy(paths, depthOf);
  for (const [, level] of [...levels].toSorted(([one], [other]) => other - one))
    groups.push(...Map.groupBy(level, (path) => manifest.get(path)?.mode ?? '700'));
  return groups;
}
