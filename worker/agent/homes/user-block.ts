import { createHash } from 'node:crypto';
import {
  linkSync,
  lstatSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { readProcessTable } from '../sandbox/process-table.ts';
import { earlierDirectory } from './earlier-layout.ts';

/** User ids for the people of one DATA_DIR: `count` from `first` on. */
export type UserBlock = { first: number; count: number };

/** A range of user ids: `count` from `first` on, in blocks of `size`. */
type UserRange = { first: number; count: number; size: number };

/**
 * Ids outside the ranges that systemd documents as assigned (systemd.io/UIDS-GIDS); in a container
 * with 65,536 ids, some that Debian assigns to accounts last.
 */
const wide: UserRange = { first: 0x70_00_00_00, count: 0x10_00_00, size: 1024 };
const narrow: UserRange = { first: 40_000, count: 10_000, size: 200 };

/** The user id range for a given `/proc/self/uid_map`; undefined when too few ids are mapped. */
export function userRange(map: string): UserRange | undefined {
  const spans = map.split('\n').map((line) => line.trim().split(/\s+/).map(Number));
  return [wide, narrow].find(({ first, count }) =>
    spans.some(([inside = 0, , size = 0]) => inside <= first && first + count <= inside + size),
  );
}

export type BlockOptions = {
  dataDir: string;
  /** The directory of the note: the worker's own. */
  noteDir: string;
  /** The content of `/etc/passwd`. */
  passwd: string;
};

const noteName = '.first-user';

/**
 * The block of user ids for a DATA_DIR. The worker's note names it; without one, it begins at the
 * owner of the files of an earlier version, if that picked the id, else at an id derived from
 * the directory's path, where no account, process or file in the usual places has an id of the
 * block. Two workers that start at the same time use the same one. Throws, with a sentence, when
 * none is available.
 */
export function pickBlock({ dataDir, noteDir, passwd }: BlockOptions): UserBlock {
  const range = userRange(readFileSync('/proc/self/uid_map', 'latin1'));
  if (!range)
    throw new Error('this container maps too few user numbers for one of the agent’s own');
  const note = path.join(noteDir, noteName);
  const accounts = accountsOf(passwd);
  const noted = readNote(note);
  const first =
    noted !== undefined && isOfRange(noted, range)
      ? noted
      : agree(
          note,
          ownerOf(earlierDirectory(dataDir), range, accounts) ?? findFree(dataDir, range, accounts),
          (uid) => isOfRange(uid, range),
        );
  return { first, count: range.size };
}

/** Whether an earlier version of the worker picked this id for its agent. */
export function isPickedUid(uid: number, passwd: string): boolean {
  const range = userRange(readFileSync('/proc/self/uid_map', 'latin1'));
  return range !== undefined && isOfRange(uid, range) && !accountsOf(passwd).has(uid);
}

const isOfRange = (uid: number, { first, count }: UserRange): boolean =>
  uid >= first && uid < first + count;

function accountsOf(passwd: string): Set<number> {
  return new Set(passwd.split('\n').map((line) => Number(line.split(':')[2])));
}

function ownerOf(
  directory: string,
  range: UserRange,
  accounts: ReadonlySet<number>,
): number | undefined {
  const uid = statSync(directory, { throwIfNoEntry: false })?.uid;
  return uid !== undefined && isOfRange(uid, range) && !accounts.has(uid) ? uid : undefined;
}

function findFree(
  dataDir: string,
  { first, count, size }: UserRange,
  accounts: ReadonlySet<number>,
): number {
  const used = [
    ...accounts,
    ...readProcessTable().map(({ uid }) => uid),
    ...['/tmp', '/var/tmp', '/var/lib', '/home', '/srv', path.dirname(dataDir)].flatMap(ownersIn),
  ];
  const blocks = Math.floor(count / size);
  const start = createHash('sha256').update(dataDir).digest().readUInt32BE(0) % blocks;
  for (let step = 0; step < blocks; step += 1) {
    const block = first + ((start + step) % blocks) * size;
    if (!used.some((uid) => uid >= block && uid < block + size)) return block;
  }
  throw new Error('every user number for the agent is in use');
}

function ownersIn(directory: string): number[] {
  try {
    return readdirSync(directory).flatMap(
      (name) => lstatSync(path.join(directory, name), { throwIfNoEntry: false })?.uid ?? [],
    );
  } catch {
    return [];
  }
}

/** The first id of the block that a directory's note names. @param noteDir the worker's own. */
export function readFirst(noteDir: string): number | undefined {
  return readNote(path.join(noteDir, noteName));
}

function readNote(file: string): number | undefined {
  try {
    return lstatSync(file).isFile() ? Number(readFileSync(file, 'utf8')) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Writes the id in one step and returns what the note says, since another worker may have been
 * first. Replaces a note that makes no sense.
 */
function agree(file: string, uid: number, isValid: (uid: number) => boolean): number {
  const unfinished = `${file}.${process.pid}`;
  writeFileSync(unfinished, String(uid));
  try {
    linkSync(unfinished, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    const noted = readNote(file);
    if (noted !== undefined && isValid(noted)) return noted;
    renameSync(unfinished, file);
  } finally {
    rmSync(unfinished, { force: true });
  }
  return uid;
}
