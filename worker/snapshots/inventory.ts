import { createHash } from 'node:crypto';
import type { Home } from '../agent/homes/home.ts';
import { startAsPerson } from './as-person.ts';
import { excludedInHome, excludedNames } from './left-out.ts';

/** What a snapshot may have: bytes of files, and files, directories and links together. */
export type SnapshotLimits = { bytes: number; files: number };

/**
 * How long the names of all entries, and the targets of links, may be together (bytes), for each
 * entry that a snapshot may have: the worker holds them in memory, and a name may have 4096 bytes.
 * The 48,000 of this project's packages have 51 on average.
 */
const textPerEntry = 240;

/** A file, directory or link; the name is relative to the home's directory, a character a byte. */
export type Entry = { name: string; bytes: number };

/** What is in a home, apart from what is excluded. */
export type Inventory = {
  /** What a snapshot takes, sorted by name. */
  taken: Entry[];
  /** What did not fit: files, and directories with how many of their entries. */
  leftOut: string[];
  /** The same for as long as nothing in the home has changed. */
  digest: string;
};

/**
 * Lists a home. What matters most comes first, since what comes after the limit is left out:
 * sessions, workspaces, the home directory, everything else.
 */
const script = `cd "$1" || exit 3
shift
find ./claude ./workspaces ./home -xdev "$@"
find . -xdev -mindepth 1 \\( -path ./claude -o -path ./workspaces -o -path ./home \\) -prune -o "$@"
exit 0`;

/** What `find` is asked: type, size, times and mode, which make the digest, and the name. */
const expression = [
  '(',
  ...[
    ...excludedNames.map((name) => ['-name', name]),
    ...excludedInHome.map((name) => ['-path', `./home/${name}`]),
  ].flatMap((test, index) => (index === 0 ? test : ['-o', ...test])),
  ')',
  '-prune',
  '-o',
  '(',
  ...'-type f -o -type d -o -type l'.split(' '),
  ')',
  '-printf',
  '%y %s %T@ %C@ %m %p\\0',
];

/**
 * Lists what is in a home, with the person's rights. Sockets, pipes and devices are left out.
 * Throws when the home cannot be read, and when aborted.
 */
export async function takeInventory(
  { user, directory }: Pick<Home, 'user' | 'directory'>,
  limits: SnapshotLimits,
  signal: AbortSignal,
): Promise<Inventory> {
  const command = ['sh', '-c', script, 'sh', directory, ...expression];
  const { child, ended } = startAsPerson({ user, command }, 'ignore', signal);
  const digest = createHash('sha256');
  const list = createList(limits.files);
  let rest = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    digest.update(chunk);
    const records = (rest + chunk.toString('latin1')).split('\0');
    rest = records.pop() ?? '';
    for (const record of records) list.add(record);
  });
  const { code, said } = await ended;
  if (signal.aborted) throw new Error('the inventory was given up');
  if (code !== 0) throw new Error(`${directory} cannot be read: ${said}`);
  const fitting = fit(list.entries, limits.bytes);
  return {
    taken: fitting.taken.toSorted((one, other) => (one.name < other.name ? -1 : 1)),
    leftOut: [...fitting.leftOut, ...list.beyond(), ...unreadable(said)],
    digest: digest.digest('hex'),
  };
}

/** Collects the entries up to the limit, and counts those beyond it by their directory. */
function createList(most: number): {
  entries: Entry[];
  add(record: string): void;
  beyond(): string[];
} {
  const entries: Entry[] = [];
  const counts = new Map<string, number>();
  let room = most * textPerEntry;
  return {
    entries,
    add(record) {
      const [, type, size, name] = /^(\w) (\d+) \S+ \S+ \S+ \.\/([^]+)$/.exec(record) ?? [];
      if (name === undefined) return;
      const text = name.length + (type === 'l' ? Number(size) : 0);
      if (entries.length < most && text <= room) {
        room -= text;
        entries.push({ name, bytes: type === 'f' ? Number(size) : 0 });
        return;
      }
      const group = name.split('/').slice(0, 3).join('/');
      // A few names will do for a home with far too many files.
      const known = counts.has(group) || counts.size < 1000 ? group : 'others';
      counts.set(known, (counts.get(known) ?? 0) + 1);
    },
    beyond: () =>
      [...counts].map(([name, count]) => (count === 1 ? name : `${name} (${count} entries)`)),
  };
}

/** Leaves out the largest files until the rest has at most `most` bytes. */
export function fit(entries: Entry[], most: number): { taken: Entry[]; leftOut: string[] } {
  let excess = entries.reduce((sum, { bytes }) => sum + bytes, 0) - most;
  const large = new Set<Entry>();
  for (const entry of entries.toSorted((one, other) => other.bytes - one.bytes)) {
    if (excess <= 0) break;
    large.add(entry);
    excess -= entry.bytes;
  }
  return {
    taken: entries.filter((entry) => !large.has(entry)),
    leftOut: [...large].map(({ name }) => name),
  };
}

/** The directories that the person themselves may not read. */
function unreadable(said: string): string[] {
  return [...said.matchAll(/^find: '\.\/(.+)': Permission denied$/gm)].map(([, name = '']) => name);
}
