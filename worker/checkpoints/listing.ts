/**
 * An entry of a directory: `f` a file, `l` a symlink, `d` a directory, `u` a file that cannot be
 * read, any other letter something that has no place in a checkpoint. `mode` is octal, `size` in
 * bytes; `changed` is the time of the inode's last change (seconds since 1970, as `find` prints
 * them).
 */
export type Entry = { type: string; mode: string; size: number; changed: string };

/**
 * The entries below a directory by their relative path. A path is bytes, each as a character of
 * latin1, since a name need not be UTF-8.
 */
export type Listing = ReadonlyMap<string, Entry>;

/** Files of more bytes are left out: only their name and size are kept. */
export const largestFile = 5 * 2 ** 20;

/** What is left out, whatever is in it. Its content stays as it is, also when files go back. */
export const leftOut = 'o';

/** A file that its person's user cannot read: only its name and permissions are kept. */
export const unreadable = 'u';

/** Longer paths are left out (bytes): the kernel takes 4,096 with the end. */
const longestPath = 4000;

/** A path of git's own data, in any spelling: git stores none of them. */
const gitsOwn = /(?:^|\/)\.git(?:\/|$)/i;

/** Whether a path is git's own data. */
export const isGitsOwn = (path: string): boolean => gitsOwn.test(path);

/** Parses a listing: `type mode size changed path`, each line ended by a NUL. */
export function parseListing(output: Buffer): Listing {
  const entries = new Map<string, Entry>();
  for (const line of output.toString('latin1').split('\0')) {
    const found = /^(\w) (\d+) (-?\d+) (\S+) ([^]+)$/.exec(line);
    if (!found) continue;
    const [, type = '', mode = '', size = '', changed = '', path = ''] = found;
    entries.set(path, { type, mode, size: Number(size), changed });
  }
  return entries;
}

/** The form that parseListing reads. */
export function writeListing(listing: Listing): Buffer {
  const lines = [...listing].map(
    ([path, { type, mode, size, changed }]) => `${type} ${mode} ${size} ${changed} ${path}\0`,
  );
  return Buffer.from(lines.join(''), 'latin1');
}

/** The same, in an order of its own: equal directories have equal manifests. */
export function writeManifest(manifest: Listing): Buffer {
  return writeListing(new Map([...manifest].toSorted(([one], [other]) => (one < other ? -1 : 1))));
}

/** Whether a checkpoint holds the content of this entry. */
function hasContent(path: string, { type, size }: Entry): boolean {
  const isKept = type === 'l' || (type === 'f' && size <= largestFile);
  return isKept && path.length <= longestPath && !gitsOwn.test(path);
}

/**
 * What a checkpoint says of a directory's entries: types and modes, and of what it leaves out the
 * size. `without` are further paths to leave out.
 */
export function toManifest(listing: Listing, without: ReadonlySet<string>): Listing {
  const manifest = new Map<string, Entry>();
  for (const [path, entry] of listing) {
    const { type, mode, size, changed } = entry;
    // Below a directory that is left out nothing is named.
    if (path.lastIndexOf('/') > longestPath) continue;
    const isNamed = type === 'd' || (type === unreadable && !gitsOwn.test(path));
    if ((isNamed && path.length <= longestPath) || (hasContent(path, entry) && !without.has(path)))
      manifest.set(path, { type, mode, size: 0, changed: '0' });
    else if (type === 'f' && !gitsOwn.test(path))
      manifest.set(path, { type: leftOut, mode, size, changed });
    else manifest.set(path, { type: leftOut, mode: '0', size: 0, changed: '0' });
  }
  return manifest;
}

/** The entries to store to get from one listing to a later one, and those that are gone. */
export type ListingChange = { added: string[]; removed: string[] };

/** Compares two listings of one directory. `without` are paths of `after` to leave out. */
export function compareListings(
  before: Listing,
  after: Listing,
  without: ReadonlySet<string> = new Set(),
): ListingChange {
  const isStored = (path: string, entry: Entry | undefined): entry is Entry =>
    entry !== undefined && hasContent(path, entry) && !without.has(path);
  const added = [...after].flatMap(([path, entry]) => {
    const known = before.get(path);
    const isSame =
      known?.type === entry.type && known.size === entry.size && known.changed === entry.changed;
    // The mode is in `changed` as well: setting it changes the inode.
    return isStored(path, entry) && !(isSame && hasContent(path, known)) ? [path] : [];
  });
  const removed = [...before].flatMap(([path, entry]) =>
    hasContent(path, entry) && !isStored(path, after.get(path)) ? [path] : [],
  );
  return { added, removed };
}

/**
 * The least age of a change (seconds): a file that changes again within a tick of the kernel's
 * clock, 1 to 10 ms, looks unchanged.
 */
const leastAge = 0.1;

/**
 * The listing as it is remembered, so that what may have changed since `takenAt` (ms since 1970),
 * and what was left out for its size, is looked at again.
 */
export function remembered(
  listing: Listing,
  takenAt: number,
  without: ReadonlySet<string>,
): Listing {
  const isDoubtful = ({ type, changed }: Entry): boolean =>
    type === 'f' && Number(changed) > takenAt / 1000 - leastAge;
  return new Map(
    [...listing].map(([path, entry]) => [
      path,
      isDoubtful(entry) || without.has(path) ? { ...entry, size: -1 } : entry,
    ]),
  );
}

/** How many new bytes one checkpoint stores. */
const mostBytes = 200 * 2 ** 20;

/** The files that do not fit into a checkpoint, the largest first: they are left out. */
export function excess(listing: Listing, added: string[], most: number = mostBytes): Set<string> {
  const files = added
    .map((path) => ({ path, size: listing.get(path)?.size ?? 0 }))
    .toSorted((one, other) => one.size - other.size);
  let total = 0;
  return new Set(files.filter(({ size }) => (total += size) > most).map(({ path }) => path));
}
