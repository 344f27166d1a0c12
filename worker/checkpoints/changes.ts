import type { ChangedFile, ChangedFiles } from '../../shared/store/changed-files.ts';
import { changedLeftOut } from './held.ts';
import type { Held } from './held.ts';
import { isGitsOwn, leftOut } from './listing.ts';
import type { Counts } from './note.ts';
import { parseRawDiff } from './raw-diff.ts';
import type { RawChange } from './raw-diff.ts';
import { emptyBlob } from './shadow.ts';
import type { Shadow } from './shadow.ts';

/** What a page has room for: files, and bytes of their changes; a page has at most 400 kB. */
const mostFiles = 300;
const mostCompared = 150;
const mostPatch = 60 * 1024;
const mostPatches = 200 * 1024;

/**
 * Pictures that are shown side by side: how many files, and the bytes of a file and of all of them.
 */
const mostPictures = 6;
const largestPicture = 5 * 2 ** 20;
const mostShown = 120 * 1024;

/** How many places that are not looked into are named. */
const mostUnseen = 30;

/** Makes a small picture for a page (a data URL); undefined when it cannot be shown. */
export type Thumbnail = (bytes: Buffer) => Promise<string | undefined>;

/** How the workspace differs between two checkpoints. */
export type Changes = {
  counts: Counts;
  /** Everything for a page but what was asked for. */
  page: Omit<ChangedFiles, 'title' | 'beyond'>;
};

/** Compares two checkpoints. Throws ShadowError. */
export async function findChanges(
  shadow: Shadow,
  before: number,
  after: number,
  thumbnail: Thumbnail,
): Promise<Changes> {
  const raw = parseRawDiff(await shadow.differ(before, after));
  const [one, other] = await shadow.read([before, after]);
  if (!one || !other) return { counts: noChanges, page: emptyPage };
  const changes = [...raw, ...modeChanges(one, other, raw)];
  const ignored = await findIgnored(shadow, [one, other], changes);
  const isIgnored = ({ path }: RawChange): boolean => ignored.has(path);
  const shown = changes
    .toSorted((a, b) => Number(isIgnored(a)) - Number(isIgnored(b)) || (a.path < b.path ? -1 : 1))
    .slice(0, mostFiles);
  const patches = await readPatches(
    shadow,
    shown.filter((change) => !isIgnored(change)),
  );
  const pictures = await readPictures(
    shadow,
    shown.filter((change) => !isIgnored(change)),
    thumbnail,
  );
  const files = shown.map((change): ChangedFile => {
    const isHidden = isIgnored(change);
    const modes = modesOf(one, other, change);
    return {
      path: readable(change.path),
      ...(change.from === undefined ? {} : { from: readable(change.from) }),
      kind: change.kind,
      added: isHidden ? 0 : change.added,
      removed: isHidden ? 0 : change.removed,
      ...(modes ? { modes } : {}),
      ...(isHidden
        ? { why: 'ignored' as const }
        : { ...patches.get(change), ...pictures.get(change) }),
    };
  });
  const seen = changes.filter((change) => !isIgnored(change));
  const sum = (of: 'added' | 'removed'): number => seen.reduce((all, each) => all + each[of], 0);
  const [added, removed] = [sum('added'), sum('removed')];
  const counts = { files: changes.length, added, removed, ignored: changes.length - seen.length };
  const left = changedLeftOut(one, other)
    .filter((path) => !isGitsOwn(path))
    .map(readable);
  const unseen = unseenPlaces(other).map(readable);
  const more = changes.length - files.length;
  return { counts, page: { files, more, added, removed, left, unseen } };
}

const noChanges: Counts = { files: 0, added: 0, removed: 0, ignored: 0 };
const emptyPage: Changes['page'] = {
  files: [],
  more: 0,
  added: 0,
  removed: 0,
  left: [],
  unseen: [],
};

/** A path for people. */
function readable(path: string): string {
  return Buffer.from(path, 'latin1').toString('utf8');
}

/** Files of which only the permissions differ, in a way that git does not see. */
function modeChanges(before: Held, after: Held, raw: RawChange[]): RawChange[] {
  const known = new Set(raw.map(({ path }) => path));
  return [...after.manifest].flatMap(([path, { type, mode }]): RawChange[] => {
    const was = before.manifest.get(path);
    if (type !== 'f' || was?.type !== 'f' || was.mode === mode || known.has(path)) return [];
    const id = after.blobs.get(path);
    return [{ path, kind: 'changed', pair: [id, id], added: 0, removed: 0, isText: true }];
  });
}

function modesOf(before: Held, after: Held, { path, from }: RawChange): ChangedFile['modes'] {
  const [was, is] = [before.manifest.get(from ?? path), after.manifest.get(path)];
  return was?.type === 'f' && is?.type === 'f' && was.mode !== is.mode
    ? [was.mode, is.mode]
    : undefined;
}

/** What is not looked into at all, such as the directories that tools fill. */
function unseenPlaces({ manifest }: Held): string[] {
  return [...manifest]
    .flatMap(([path, { type, size }]) =>
      type === leftOut && size === 0 && !isGitsOwn(path) ? [path] : [],
    )
    .slice(0, mostUnseen);
}

/** The changed paths that the nearest repository around them ignores. */
async function findIgnored(
  shadow: Shadow,
  sides: Held[],
  changes: RawChange[],
): Promise<ReadonlySet<string>> {
  const repositories = new Set(
    sides.flatMap(({ manifest }) =>
      [...manifest.keys()].flatMap((path) =>
        path === '.git' ? [''] : path.endsWith('/.git') ? [path.slice(0, -'/.git'.length)] : [],
      ),
    ),
  );
  const nearest = (path: string): string | undefined => {
    for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1))
      if (repositories.has(path.slice(0, end))) return path.slice(0, end);
    return repositories.has('') ? '' : undefined;
  };
  const found = new Set<string>();
  for (const [repository, inside] of Map.groupBy(changes, ({ path }) => nearest(path))) {
    if (repository === undefined) continue;
    const start = repository === '' ? 0 : repository.length + 1;
    const names = inside.map(({ path }) => path.slice(start));
    const ignored = await shadow.ignored(repository, names);
    for (const { path } of inside) if (ignored.has(path.slice(start))) found.add(path);
  }
  return found;
}

type Patched = Pick<ChangedFile, 'patch' | 'why'>;

/** The changes of text files, as far as there is room. */
async function readPatches(
  shadow: Shadow,
  changes: RawChange[],
): Promise<ReadonlyMap<RawChange, Patched>> {
  const found = new Map<RawChange, Patched>();
  for (const change of changes) if (!change.isText) found.set(change, { why: 'binary' });
  const compared = changes.filter(({ isText, pair }) => isText && pair[0] !== pair[1]);
  for (const change of compared.slice(mostCompared)) found.set(change, { why: 'room' });
  const texts = compared.slice(0, mostCompared);
  const pairs = texts.map(({ pair: [before = emptyBlob, after = emptyBlob] }): [string, string] => [
    before,
    after,
  ]);
  const patches = pairs.length === 0 ? [] : await shadow.patches(pairs, mostPatch);
  let room = mostPatches;
  for (const [index, change] of texts.entries()) {
    const bytes = patches[index] ?? Buffer.alloc(0);
    const text = bytes.toString('utf8');
    const start = text.search(/^@@ /m);
    if (start < 0) {
      found.set(change, /^Binary files /m.test(text) ? { why: 'binary' } : {});
      continue;
    }
    const patch = text.slice(start, start + mostPatch);
    room -= Buffer.byteLength(patch);
    if (room < 0) found.set(change, { why: 'room' });
    else if (bytes.byteLength < mostPatch) found.set(change, { patch });
    // The last line may be half of one.
    else found.set(change, { patch: patch.replace(/\n[^\n]*$/, ''), why: 'cut' });
  }
  return found;
}

/** Small pictures of changed pictures, before and after. */
async function readPictures(
  shadow: Shadow,
  changes: RawChange[],
  thumbnail: Thumbnail,
): Promise<ReadonlyMap<RawChange, Pick<ChangedFile, 'before' | 'after' | 'why'>>> {
  const found = new Map<RawChange, Pick<ChangedFile, 'before' | 'after' | 'why'>>();
  const pictures = changes.filter(
    ({ isText, path }) => !isText && /\.(?:png|jpe?g|gif|webp)$/i.test(path),
  );
  let room = mostShown;
  const show = async (id: string | undefined): Promise<string | undefined> => {
    const bytes = id === undefined ? undefined : await shadow.blob(id, largestPicture);
    const url = bytes && (await thumbnail(bytes));
    if (url === undefined || url.length > room) return undefined;
    room -= url.length;
    return url;
  };
  for (const change of pictures.slice(0, mostPictures)) {
    const [before, after] = [await show(change.pair[0]), await show(change.pair[1])];
    if (before === undefined && after === undefined) continue;
    found.set(change, {
      why: undefined,
      ...(before === undefined ? {} : { before }),
      ...(after === undefined ? {} : { after }),
    });
  }
  return found;
}
