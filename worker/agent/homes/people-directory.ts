import { lstatSync, mkdirSync, readdirSync, readlinkSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { asAgent } from '../sandbox/user.ts';
import type { AgentUser } from '../sandbox/user.ts';
import { runAsWorker } from '../sandbox/shell.ts';
import { peopleUids } from './agent-users.ts';
import type { AgentUsers } from './agent-users.ts';

/** Symlinks from a user id to the person that has it, in the people's directory. */
const usersName = '.users';

/**
 * The user id of a person, which is theirs for good. The disk decides: the symlink that is named by
 * the id is made in one step, so two workers on one disk agree. `isFirstTaken` leaves out the first
 * user. Throws when every id is taken.
 */
export function claimUid(
  people: string,
  person: string,
  users: AgentUsers,
  isFirstTaken = false,
): number {
  const directory = path.join(people, usersName);
  mkdirSync(directory, { recursive: true, mode: 0o711 });
  const known = readUids(people);
  const own = known.get(person);
  if (own !== undefined) return own;
  const taken = new Set(known.values());
  for (const uid of peopleUids(users)) {
    if (taken.has(uid) || (isFirstTaken && uid === users.first.uid)) continue;
    if (link(directory, uid, person) === person) return uid;
  }
  throw new Error('every user number for people is in use');
}

/** The people of this disk with their user ids. */
export function readUids(people: string): Map<string, number> {
  const directory = path.join(people, usersName);
  return new Map(
    list(directory).flatMap((name): [string, number][] => {
      const person = readPerson(directory, name);
      return person === undefined || !/^\d+$/.test(name) ? [] : [[person, Number(name)]];
    }),
  );
}

/** Links an id to a person, unless it is taken; returns the person that has it. */
function link(directory: string, uid: number, person: string): string | undefined {
  try {
    symlinkSync(path.join('..', person), path.join(directory, String(uid)));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  return readPerson(directory, String(uid));
}

function readPerson(directory: string, name: string): string | undefined {
  try {
    return path.basename(readlinkSync(path.join(directory, name)));
  } catch {
    return undefined;
  }
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

/**
 * Creates a directory of a user within one of the worker's, which that user may not write to, and
 * for which the worker may lack the right to give files away: the user makes it in a directory that
 * the worker shares with them through a group, and the worker, in that group, moves it.
 */
const make = `umask 007
parent=$1; name=$2; new=$1/.new-$2-$$; shift 2
mkdir -m 770 "$new" || exit 1
"$@" mkdir -m 770 "$new/$name" &&
  { mv -T "$new/$name" "$parent/$name" 2> /dev/null || [ -d "$parent/$name" ]; } &&
  "$@" chmod 700 "$parent/$name"
code=$?
[ ! -e "$new/$name" ] || "$@" rm -rf "$new/$name"
rmdir "$new"
exit $code`;

/**
 * Makes sure that `name` in `parent`, a directory of the worker's own, is a directory of this user
 * alone (mode 700). As root it gives what an agent that was root has left. Throws when it belongs
 * to another user.
 */
export async function makePersonal(parent: string, name: string, user: AgentUser): Promise<string> {
  const directory = path.join(parent, name);
  const about = lstatSync(directory, { throwIfNoEntry: false });
  if (!about) {
    const inGroup = ['setpriv', '--regid', String(user.gid), '--clear-groups', '--'];
    const making = ['sh', '-c', make, 'sh', parent, name, ...wordsAs(user)];
    await runAsWorker('exec "$@"', [...inGroup, ...making]);
  } else if (about.isDirectory() && about.uid === 0 && process.getuid?.() === 0) {
    await runAsWorker('chown -Rh -- "$1" "$2" && chmod 700 "$2"', [
      `${user.uid}:${user.gid}`,
      directory,
    ]);
  } else if (!about.isDirectory() || about.uid !== user.uid) {
    throw new Error(
      `${directory} belongs to the user ${about.uid}, not to ${user.uid} (chown -Rh ${user.uid}:${user.gid} ${directory})`,
    );
  } else if ((about.mode & 0o777) !== 0o700) {
    await runAsWorker('exec "$@"', [...wordsAs(user), 'chmod', '700', directory]);
  }
  return directory;
}

/** The words before a command that runs as this user. */
function wordsAs(user: AgentUser): string[] {
  const { command, args } = asAgent(user, { command: '', args: [] });
  return [command, ...args.slice(0, -1)];
}
