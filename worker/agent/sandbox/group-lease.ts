import { randomInt } from 'node:crypto';
import {
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { readProcess, readProcessTable } from './process-table.ts';
import type { ProcessEntry } from './process-table.ts';

/**
 * A worker's own block of group ids on this machine. No file or account uses them: they only mark
 * processes. The worker holds the block for its lifetime, visibly to every other worker here.
 */
export type GroupLease = {
  /** The group for processes outside a session. */
  readonly own: number;
  /** Takes a group for a session that no living process has. */
  take(): number;
  /** Whether a process belongs to this worker. */
  isOurs(entry: ProcessEntry): boolean;
  /**
   * The processes left by dead workers: those of their blocks, and all of the users that are only
   * the agent's (`isOnlyOurs`), unless another worker with the same agent's user lives.
   */
  orphans(table: ProcessEntry[], isOnlyOurs?: (uid: number) => boolean): ProcessEntry[];
  /** Releases the block. */
  end(): void;
};

/** A range of mapped ids: `blocks` blocks of `size` ids each, starting at `first`. */
export type NumberRange = { first: number; blocks: number; size: number };

/**
 * Ids outside the ranges that systemd documents as assigned (systemd.io/UIDS-GIDS); in a container
 * with 65,536 ids, those below Debian's reserved ones.
 */
const wide: NumberRange = { first: 0x71_00_00_00, blocks: 8192, size: 1024 };
const narrow: NumberRange = { first: 50_000, blocks: 156, size: 64 };

/** The group id range for a given `/proc/self/gid_map`; undefined when too few ids are mapped. */
export function groupRange(map: string): NumberRange | undefined {
  const spans = map.split('\n').map((line) => line.trim().split(/\s+/).map(Number));
  const isMapped = ({ first, blocks, size }: NumberRange): boolean =>
    spans.some(
      ([inside = 0, , count = 0]) => inside <= first && first + blocks * size <= inside + count,
    );
  return [wide, narrow].find(isMapped);
}

/** The holder recorded in a lease file. */
const Holder = z.object({
  pid: z.int(),
  startedAt: z.number(),
  boot: z.string(),
  uid: z.int(),
  first: z.int(),
  size: z.int(),
});
type Holder = z.infer<typeof Holder>;

/** Root's directory, which the image gives to the worker's user, and that of any other worker. */
const directories = (uid: number): string[] => ['/run/sidepocket', `/tmp/sidepocket-leases-${uid}`];
const isPlace = (name: string): boolean => name.startsWith('sidepocket-leases-');

const bootId = (): string => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();

/** Whether a user is the agent's, and so could forge a file. */
type IsAgent = (uid: number) => boolean;

/** Every lease whose holder is alive. Ignores files owned by the agent. */
function livingHolders(isAgent: IsAgent): Holder[] {
  const directories = [
    '/run/sidepocket',
    ...list('/tmp')
      .filter(isPlace)
      .map((name) => path.join('/tmp', name)),
  ];
  return directories
    .flatMap((place) => list(place).map((name) => readHolder(path.join(place, name), isAgent)))
    .filter((holder) => holder !== undefined)
    .filter(isAlive);
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function readHolder(file: string, isAgent: IsAgent): Holder | undefined {
  try {
    const about = lstatSync(file);
    if (!about.isFile() || (isAgent(about.uid) && about.uid !== process.getuid?.()))
      return undefined;
    return Holder.safeParse(JSON.parse(readFileSync(file, 'utf8'))).data;
  } catch {
    return undefined;
  }
}

function isAlive({ pid, startedAt, boot }: Holder): boolean {
  return readProcess(pid)?.startedAt === startedAt && boot === bootId();
}

/**
 * Leases a block for a worker whose agent's first user is `uid`; `isAgent` tells all of its users.
 * Undefined where processes cannot be marked by groups: except on Linux, without the right to set
 * groups, or without a directory for the leases.
 */
export function leaseGroups(
  uid: number,
  isAgent: IsAgent = (other) => other === uid,
): GroupLease | undefined {
  if (process.platform !== 'linux') return undefined;
  const self = readProcess(process.pid);
  const range = groupRange(readText('/proc/self/gid_map'));
  const mayMark =
    (BigInt(`0x${/^CapEff:\s*(\w+)$/m.exec(readText('/proc/self/status'))?.[1] ?? '0'}`) >> 6n) &
    1n;
  if (!self || !range || !mayMark) return undefined;
  const table = readProcessTable();
  dropDead(isAgent, table);
  for (let tries = 0; tries < 100; tries += 1) {
    const first = range.first + randomInt(range.blocks) * range.size;
    const holder: Holder = {
      pid: process.pid,
      startedAt: self.startedAt,
      boot: bootId(),
      uid,
      first,
      size: range.size,
    };
    if (
      livingHolders(isAgent).some((other) => other.first === first) ||
      table.some((entry) => isOfBlock(entry, holder))
    )
      continue;
    const file = write(holder, isAgent);
    if (file === undefined) return undefined;
    return createLease(holder, file, isAgent);
  }
  return undefined;
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}

/** Removes the leases left by this user's workers, except those with a living process. */
function dropDead(isAgent: IsAgent, table: ProcessEntry[]): void {
  for (const directory of directories(process.getuid?.() ?? 0)) {
    for (const name of list(directory)) {
      const file = path.join(directory, name);
      const holder = readHolder(file, isAgent);
      if (holder && !isAlive(holder) && !table.some((entry) => isOfBlock(entry, holder)))
        drop(file);
    }
  }
}

/** Deletes a lease file. A file that stays has no effect once its holder has ended. */
function drop(file: string): void {
  try {
    unlinkSync(file);
  } catch {
    // It is gone, or another user's.
  }
}

/**
 * Writes the lease to the first writable directory; undefined without a writable directory.
 * Replaces a dead holder's lease.
 */
function write(holder: Holder, isAgent: IsAgent): string | undefined {
  for (const directory of directories(process.getuid?.() ?? 0)) {
    const file = path.join(directory, `groups-${holder.first}`);
    try {
      mkdirSync(directory, { recursive: true, mode: 0o755 });
      const about = lstatSync(directory);
      if (!about.isDirectory() || about.uid !== process.getuid?.() || (about.mode & 0o022) !== 0)
        continue;
      const old = readHolder(file, isAgent);
      if (old && !isAlive(old)) unlinkSync(file);
      writeFileSync(file, JSON.stringify(holder), { flag: 'wx', mode: 0o644 });
      return file;
    } catch {
      // Try the next directory, or the next block.
    }
  }
  return undefined;
}

const isOfBlock = (
  { groups }: ProcessEntry,
  { first, size }: Pick<Holder, 'first' | 'size'>,
): boolean => groups.some((group) => group >= first && group < first + size);

function createLease(holder: Holder, file: string, isAgent: IsAgent): GroupLease {
  const { first, size, uid: agentUid } = holder;
  const range = groupRange(readText('/proc/self/gid_map')) ?? wide;
  const isMark = (group: number): boolean =>
    group >= range.first && group < range.first + range.blocks * range.size;
  let last = 0;
  let isFirstRound = true;
  return {
    own: first,
    take() {
      // No process had a group of this block when it was leased: only a later round has to look.
      if (isFirstRound && last < size - 1) return first + (last += 1);
      isFirstRound = false;
      const used = new Set(readProcessTable().flatMap(({ groups }) => groups));
      for (let tries = 1; tries < size; tries += 1) {
        last = (last % (size - 1)) + 1;
        if (!used.has(first + last)) return first + last;
      }
      throw new Error('every group that marks a session is in use');
    },
    isOurs: (entry) => isOfBlock(entry, holder),
    orphans(table, isOnlyOurs = () => false) {
      const others = livingHolders(isAgent).filter((other) => other.first !== first);
      const isHeld = (entry: ProcessEntry): boolean =>
        isOfBlock(entry, holder) || others.some((other) => isOfBlock(entry, other));
      const isAlone = !others.some((other) => other.uid === agentUid);
      return table.filter(
        (entry) =>
          !isHeld(entry) &&
          ((isAgent(entry.uid) && entry.groups.some(isMark)) || (isAlone && isOnlyOurs(entry.uid))),
      );
    },
    end: () => drop(file),
  };
}
