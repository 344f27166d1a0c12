import { isGitsOwn, leftOut, unreadable } from './listing.ts';
import type { Entry, Listing } from './listing.ts';

/** What a checkpoint holds: its manifest, and the id of the content of each file and link. */
export type Held = { manifest: Listing; blobs: ReadonlyMap<string, string> };

/** A piece of work by the checkpoints before and after it. */
export type Span = { before: Held; after: Held };

/** What an entry is, in one word; '' for no entry. */
function wordOf({ manifest, blobs }: Held, path: string): string {
  const entry = manifest.get(path);
  return entry ? `${entry.type} ${entry.mode} ${blobs.get(path) ?? ''}` : '';
}

/** The paths at which two checkpoints differ, except for what both leave out. */
export function changedPaths(before: Held, after: Held): string[] {
  const paths = new Set([...before.manifest.keys(), ...after.manifest.keys()]);
  return [...paths].filter((path) => {
    const types = [before, after].map(({ manifest }) => manifest.get(path)?.type ?? leftOut);
    return !types.every((type) => type === leftOut) && wordOf(before, path) !== wordOf(after, path);
  });
}

/**
 * What came, went or changed without its content being kept: large files, and the data of a
 * repository, of which only the coming and going is known.
 */
export function changedLeftOut(before: Held, after: Held): string[] {
  const wordsOf = ({ manifest }: Held): Map<string, string> =>
    new Map(
      [...manifest].flatMap(([path, { type, size, changed }]): [string, string][] =>
        type === leftOut && (size > 0 || isGitsOwn(path)) ? [[path, `${size} ${changed}`]] : [],
      ),
    );
  const [one, other] = [wordsOf(before), wordsOf(after)];
  return [...new Set([...one.keys(), ...other.keys()])].filter(
    (path) => one.get(path) !== other.get(path),
  );
}

/** What would go back, and the paths that have to stay as they are for what is left out in them. */
export type Reverted = { held: Held; kept: string[] };

/**
 * The workspace without these pieces of work, the oldest of them first: each path that they have
 * changed is as it was before the first that did, and every other stays.
 */
export function revert(now: Held, spans: readonly Span[]): Reverted {
  const wanted = new Map<string, Held>();
  for (const { before, after } of spans)
    for (const path of changedPaths(before, after)) if (!wanted.has(path)) wanted.set(path, before);
  const manifest = new Map(now.manifest);
  const blobs = new Map(now.blobs);
  const kept: string[] = [];
  const put = (path: string, entry: Entry | undefined, blob: string | undefined): void => {
    if (entry) manifest.set(path, entry);
    else manifest.delete(path);
    if (blob === undefined) blobs.delete(path);
    else blobs.set(path, blob);
  };
  const leavesOut = [...now.manifest].filter(([, { type }]) => type === leftOut);
  const holdsLeftOut = (path: string): boolean =>
    leavesOut.some(([other]) => other === path || other.startsWith(`${path}/`));

  for (const [path, then] of [...wanted].toSorted(([one], [other]) => (one < other ? -1 : 1))) {
    const entry = then.manifest.get(path);
    const blob = then.blobs.get(path);
    const present = manifest.get(path);
    const isContent = entry !== undefined && entry.type !== 'd';
    // It may have been there before.
    if (!entry && wasClosed(then, path)) continue;
    // A file that was too large to be kept, and what it would have to replace.
    if (isContent && blob === undefined) {
      if (present?.type !== leftOut) kept.push(path);
      continue;
    }
    const isUnknown = present?.type === leftOut || (present?.type === unreadable && !isContent);
    if (isUnknown || (isContent && present?.type === 'd' && holdsLeftOut(path))) {
      kept.push(path);
      continue;
    }
    put(path, entry, blob);
  }
  fitTogether(manifest, blobs);
  const lost = spans.flatMap(({ before, after }) => changedLeftOut(before, after));
  return { held: { manifest, blobs }, kept: [...new Set([...kept, ...lost])] };
}

/** Whether a path was in a directory that its user could not look into. */
function wasClosed({ manifest }: Held, path: string): boolean {
  for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
    const { type, mode = '' } = manifest.get(path.slice(0, end)) ?? {};
    if (type === 'd' && (Number.parseInt(mode, 8) & 0o500) !== 0o500) return true;
  }
  return false;
}

/** Gives each entry its directories, and takes out what is below something else. */
function fitTogether(manifest: Map<string, Entry>, blobs: Map<string, string>): void {
  for (const path of [...manifest.keys()].toSorted()) {
    for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
      const parent = path.slice(0, end);
      const { type } = manifest.get(parent) ?? {};
      if (type === 'd') break;
      if (type === undefined) {
        manifest.set(parent, { type: 'd', mode: '755', size: 0, changed: '0' });
        continue;
      }
      manifest.delete(path);
      blobs.delete(path);
      break;
    }
  }
}
