import { createHash } from 'node:crypto';
import {
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import type { AgentUser } from './user.ts';
import { readProcessTable } from './process-table.ts';

/** A range of user ids: `count` from `first` on. */
type UserRange = { first: number; count: number };

/**
 * Ids outside the ranges that systemd documents as assigned (systemd.io/UIDS-GIDS); in a container
 * with 65,536 ids, some that Debian assigns to accounts last.
 */
const wide: UserRange = { first: 0x70_00_00_00, count: 0x10_00_00 };
const narrow: UserRange = { first: 40_000, count: 10_000 };

/** The user id range for a given `/proc/self/uid_map`; undefined when too few ids are mapped. */
export function userRange(map: string): UserRange | undefined {
  const spans = map.split('\n').map((line) => line.trim().split(/\s+/).map(Number));
  return [wide, narrow].find(({ first, count }) =>
    spans.some(([inside = 0, , size = 0]) => inside <= first && first + count <= inside + size),
  );
}

export type PickOptions = {
  /** The agent's directory; its owner is the user picked earlier. */
  dataDir: string;
  /** The content of `/etc/passwd`. */
  passwd: string;
};

/**
 * Root's note of the id until the directory has that owner, so that two workers starting at the
 * same time use the same one.
 */
const noteName = '.agent-user';

/**
 * Picks a user id without an account for the agent: the owner of its directory, so that it keeps
 * its files, else an id derived from the directory's path that no process and no file in the usual
 * places has. Throws, with a sentence, when none is available.
 */
export function pickUser({ dataDir, passwd }: PickOptions): AgentUser {
  const range = userRange(readFileSync('/proc/self/uid_map', 'latin1'));
  if (!range)
    throw new Error('this container maps too few user numbers for one of the agent’s own');
  const accounts = new Set(passwd.split('\n').map((line) => Number(line.split(':')[2])));
  const owner = statSync(dataDir, { throwIfNoEntry: false })?.uid;
  const isOurs = (uid: number): boolean =>
    uid >= range.first && uid < range.first + range.count && !accounts.has(uid);
  if (owner !== undefined && isOurs(owner)) return userOf(owner);
  if (owner !== undefined && owner !== process.getuid?.())
    throw new Error(
      `${dataDir} belongs to the user ${owner}. Set AGENT_USER to that user’s name, or give the directory to root (chown -R root ${dataDir}), from whom the agent gets it`,
    );
  if (owner === undefined) mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  return userOf(agree(path.join(dataDir, noteName), findFree(dataDir, range, accounts), isOurs));
}

function userOf(uid: number): AgentUser {
  return { name: String(uid), uid, gid: uid, isPicked: true };
}

function findFree(dataDir: string, { first, count }: UserRange, accounts: Set<number>): number {
  const used = new Set([
    ...accounts,
    ...readProcessTable().map(({ uid }) => uid),
    ...['/tmp', '/var/tmp', '/var/lib', '/home', '/srv', path.dirname(dataDir)].flatMap(ownersIn),
  ]);
  const start = createHash('sha256').update(dataDir).digest().readUInt32BE(0) % count;
  for (let step = 0; step < count; step += 1) {
    const uid = first + ((start + step) % count);
    if (!used.has(uid)) return uid;
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

/**
 * Writes the id atomically and reads back what the file holds, since another worker may have been
 * first. At this point the directory is still the worker's own.
 */
function agree(file: string, uid: number, isOurs: (uid: number) => boolean): number {
  const unfinished = `${file}.${process.pid}`;
  writeFileSync(unfinished, String(uid));
  try {
    linkSync(unfinished, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(unfinished, { force: true });
  }
  const noted = Number(readFileSync(file, 'utf8'));
  return isOurs(noted) ? noted : uid;
}
