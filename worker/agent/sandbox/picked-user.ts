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

/** Numbers for users: `count` from `first` on. */
type UserRange = { first: number; count: number };

/**
 * Beyond those that systemd documents as anybody's (systemd.io/UIDS-GIDS), and in a container with
 * 65,536 numbers some that Debian gives to accounts last.
 */
const wide: UserRange = { first: 0x70_00_00_00, count: 0x10_00_00 };
const narrow: UserRange = { first: 40_000, count: 10_000 };

/**
 * The numbers for users by the content of `/proc/self/uid_map`; undefined when too few are mapped.
 */
export function userRange(map: string): UserRange | undefined {
  const spans = map.split('\n').map((line) => line.trim().split(/\s+/).map(Number));
  return [wide, narrow].find(({ first, count }) =>
    spans.some(([inside = 0, , size = 0]) => inside <= first && first + count <= inside + size),
  );
}

export type PickOptions = {
  /** Where the agent's files are; its owner is the user that was picked before. */
  dataDir: string;
  /** The content of `/etc/passwd`. */
  passwd: string;
};

/**
 * Where root notes the number until the directory has that owner: two workers that start at the
 * same time take the same.
 */
const noteName = '.agent-user';

/**
 * Picks a user for the agent that no account has: the owner of its directory, so that its files
 * stay its own, else a number that follows from the directory's path and that no process and no
 * file in the usual places has. Throws, with a sentence, when none can be had.
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
 * Writes the number down, whole or not at all, and reads what stands there: another worker may have
 * been first. The directory is still the worker's own.
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
