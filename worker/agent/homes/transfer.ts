import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { longPatience, runAsAgentOrOwn } from '../sandbox/shell.ts';
import { asAgent } from '../sandbox/user.ts';
import type { AgentUser } from '../sandbox/user.ts';
import type { Home } from './home.ts';

/** A directory with the user that owns it. */
export type Owned = { directory: string; user: AgentUser | undefined };

/** Where copies are made in a home before they take their place. */
const stagingName = '.moving';

/**
 * Moves a directory into a home, with its content. `to` is absolute and within the home; where
 * something is there already, it gets a free name beside it. May be interrupted anywhere and
 * repeated; does nothing when there is no such directory (any more). Throws when it fails.
 */
export async function transfer(from: Owned, home: Home, to: string): Promise<void> {
  if (from.user?.uid === home.user?.uid) return await rename(from, to);
  const token = (await findToken(from)) ?? (await copyInTries(from, home));
  if (token === undefined) return;
  const staging = path.join(home.directory, stagingName, token);
  await run(home.user, move, staging, to);
  await run(from.user, remove, from.directory);
}

/** Removes what copies that were interrupted have left in a home, once nothing is to be moved. */
export async function removeCopies({ user, directory }: Home): Promise<void> {
  const script = '[ ! -d "$1" ] || { chmod -R u+rwX -- "$1"; rm -rf -- "$1"; } 2> /dev/null || :';
  await run(user, script, path.join(directory, stagingName));
}

/** Moves `$1` to `$2`, or to a free name beside it. Another worker may have been faster. */
const move = `[ -d "$1" ] || exit 0
to=$2 count=0
while [ -e "$to" ] || [ -L "$to" ]; do count=$((count + 1)) to=$2.$count; done
mkdir -p -- "$(dirname -- "$2")" && mv -- "$1" "$to" || [ ! -e "$1" ]`;

/** Removes the original of a copy, of which parts may be read-only. */
const remove = `for gone in "$1".moved-*; do
  [ -d "$gone" ] || continue
  chmod -R u+rwX -- "$gone" 2> /dev/null
  rm -rf -- "$gone" 2> /dev/null || [ ! -d "$gone" ] || { sleep 1; rm -rf -- "$gone"; } || exit 1
done`;

async function rename({ directory, user }: Owned, to: string): Promise<void> {
  await run(user, move, directory, to);
}

/** The token of a complete copy: the original was renamed when it was. */
async function findToken({ directory, user }: Owned): Promise<string | undefined> {
  const said = await run(
    user,
    'for moved in "$1".moved-*; do [ ! -d "$moved" ] || basename -- "$moved"; done',
    directory,
  );
  return /\.moved-(\w+)$/m.exec(said)?.[1];
}

/** How often a copy is tried: tar fails where something changes while it reads. */
const mostTries = 3;

async function copyInTries(from: Owned, home: Home): Promise<string | undefined> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await copy(from, home);
    } catch (error) {
      if (tries === mostTries) throw error;
    }
  }
}

/**
 * Makes `$1` readable for its owner. What is so already is left alone: another worker's tar, which
 * may be reading it, takes a new time of change for a change.
 */
const open = `[ -d "$1" ] || exit 0
find "$1" -type d ! -perm -0500 -exec chmod u+rx {} \\; -o -type f ! -perm -0400 -exec chmod u+r {} +
echo yes`;

/**
 * Copies the directory, since only root could give its files to another user, and renames the
 * original once the copy is complete. Each try has a place of its own: an earlier one may still be
 * writing. Undefined when there is no such directory.
 */
async function copy({ directory, user }: Owned, home: Home): Promise<string | undefined> {
  const token = randomBytes(8).toString('hex');
  const staging = path.join(home.directory, stagingName, token);
  const isThere = await run(user, open, directory);
  if (isThere.trim() !== 'yes') return undefined;
  await run(home.user, 'mkdir -p -m 700 -- "$1"', staging);
  const packing = start(user, ['tar', '-C', directory, '-cf', '-', '.'], 'stdout');
  const unpacking = start(home.user, ['tar', '-C', staging, '-xpf', '-'], 'stdin');
  packing.stdout?.pipe(unpacking.stdin ?? process.stdout);
  unpacking.stdin?.on('error', () => undefined);
  const codes = await Promise.all([endOf(packing), endOf(unpacking)]);
  const isCopied = codes.every((code) => code === 0);
  // Another worker may have been faster: then its copy counts.
  const rename = 'mv -- "$1" "$1.moved-$2" 2> /dev/null && echo done || [ ! -d "$1" ]';
  const isOurs = isCopied && (await run(user, rename, directory, token)).trim() === 'done';
  if (isOurs) return token;
  const other = await findToken({ directory, user });
  const isLeft = (await run(user, '[ ! -d "$1" ] || echo yes', directory)).trim() === 'yes';
  if (isLeft)
    throw new Error(`${directory} was not copied to ${home.directory} (is the disk full?)`);
  return other;
}

function start(
  user: AgentUser | undefined,
  [command = '', ...args]: string[],
  piped: 'stdin' | 'stdout',
): ChildProcess {
  const asked = asAgent(user, { command, args });
  return spawn(asked.command, asked.args, {
    cwd: '/',
    env: { PATH: '/usr/local/bin:/usr/bin:/bin' },
    stdio: [
      piped === 'stdin' ? 'pipe' : 'ignore',
      piped === 'stdout' ? 'pipe' : 'ignore',
      'ignore',
    ],
  });
}

async function endOf(child: ChildProcess): Promise<number | null> {
  return await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
}

/** Runs a script as this user and returns its output. Throws when it fails. */
export async function run(
  user: AgentUser | undefined,
  script: string,
  ...parameters: string[]
): Promise<string> {
  const { code, output, said } = await runAsAgentOrOwn(user, script, parameters, longPatience);
  if (code !== 0) throw new Error(said === '' ? `a step ended with ${code}` : said);
  return output.toString('utf8');
}
