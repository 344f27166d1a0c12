import { mkdirSync, realpathSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import type { Log } from '../../../shared/runtime/log.ts';
import { PersonAddress } from '../../../shared/runtime/person-address.ts';
import { claudeDirectory } from '../sandbox/environment.ts';
import { earlierDirectory, hasEarlier } from './earlier-layout.ts';
import { workspaceName } from './home.ts';
import type { Homes } from './homes.ts';
import { removeCopies, run, transfer } from './transfer.ts';
import type { Owned } from './transfer.ts';

export type MovingInDeps = {
  homes: Homes;
  /** The id of a conversation's person. */
  idOf: (conversation: string) => Promise<string>;
  /** The owner's conversation, if it is known. */
  owner: () => Promise<string | undefined>;
  log: Log;
};

/**
 * Moves what an earlier version kept for everybody into the homes: each conversation's workspace,
 * pictures and sessions to its person, everything else to the owner. Without a known owner, the
 * person who was last at work counts as one. A killed worker's successor continues it, and so do
 * two workers at once. Throws when something cannot be moved: nothing is lost then, and the next
 * start tries again.
 */
export async function moveIn({ homes, idOf, owner, log }: MovingInDeps): Promise<void> {
  const { dataDir, users } = homes;
  if (!hasEarlier(dataDir)) return;
  const earlier = earlierDirectory(dataDir);
  const first = users?.first;
  const list = async (directory: string, user = first): Promise<string[]> =>
    (await run(user, 'ls -1At -- "$1" 2> /dev/null || :', directory)).split('\n').filter(Boolean);
  if ((await list(earlier)).length === 0) return await leave(homes, earlier);
  log.info({ dataDir }, 'moving the files of an earlier version to the people’s homes');
  const spaces = await list(path.join(earlier, 'workspaces'));
  const latest = spaces.map(nameOf).find(isConversation);
  const theirs = (await owner()) ?? (latest === undefined ? undefined : conversationOf(latest));
  if (theirs === undefined) {
    log.warn({ dataDir }, 'files of an earlier version wait until this system has an owner');
    return;
  }
  const main = await homes.of(await idOf(theirs), { isFirst: true });
  const from = (...parts: string[]): Owned => ({ directory: path.join(...parts), user: first });
  for (const name of wholes)
    await transfer(from(earlier, name), main, path.join(main.directory, name));
  await transfer(from(earlier, 'tmp'), main, path.join(main.temporary, 'earlier'));
  const real = realpathSync(dataDir);
  const projects = path.join(claudeDirectory(main.directory), 'projects');
  const prefix = projectName(path.join(real, 'workspaces', 'x')).slice(0, -1);
  const ofSessions = (await list(projects, main.user)).flatMap((name) =>
    name.startsWith(prefix)
      ? [nameOf(name.slice(prefix.length)).replace(/^([A-Z]{2})-/, '$1.')]
      : [],
  );
  const names = new Set([
    ...ofSessions,
    ...(await list(path.join(earlier, 'images'))).map(nameOf),
    ...spaces.map(nameOf),
  ]);
  for (const name of names) {
    const home = isConversation(name) ? await homes.of(await idOf(conversationOf(name))) : main;
    const workspace = path.join(home.directory, 'workspaces', name);
    if (isConversation(name)) linkTo(dataDir, workspace);
    const [before, after] = [path.join('workspaces', name), path.relative(dataDir, workspace)];
    const sessions = path.join(claudeDirectory(home.directory), 'projects');
    await transfer(
      { directory: path.join(projects, projectName(path.join(real, before))), user: main.user },
      home,
      path.join(sessions, projectName(path.join(real, after))),
    );
    await transfer(from(earlier, 'images', name), home, path.join(home.images, name));
    // Last, since its name shows that there is something to move.
    await transfer(from(earlier, before), home, workspace);
  }
  await run(first, 'rmdir -- "$1"/* 2> /dev/null || :', earlier);
  for (const name of await list(earlier))
    await transfer(from(earlier, name), main, path.join(main.directory, 'earlier', nameOf(name)));
  for (const home of await homes.list()) await removeCopies(home);
  await leave(homes, earlier);
  linkTo(dataDir, path.join(main.directory, 'home'), '');
  log.info({ people: (await homes.list()).length }, 'every person has a home of their own');
}

/** Removes the empty place; another worker may have been faster. */
async function leave({ users }: Homes, earlier: string): Promise<void> {
  const owner = users?.block ? undefined : users?.first;
  await run(owner, 'rmdir -- "$1" 2> /dev/null || [ ! -e "$1" ]', earlier);
}

/** What goes to the owner as a whole. */
const wholes = ['home', 'claude', 'spare'];

/** The conversation's name, also of what has just been copied. */
const nameOf = (entry: string): string => entry.replace(/\.moved-\w+$/, '');

const conversationOf = (name: string): string => (/^\d/.test(name) ? `+${name}` : name);

const isConversation = (name: string): boolean =>
  PersonAddress.safeParse(conversationOf(name)).data === conversationOf(name) &&
  workspaceName(conversationOf(name)) === name;

/** Claude Code's directory name for the sessions of a working directory (2.1.330). */
export function projectName(workspace: string): string {
  return workspace.replaceAll(/[^a-zA-Z0-9]/g, '-');
}

/**
 * Old paths lead to the new places: programs in a workspace may hold them, and Claude remembers
 * them. Where DATA_DIR is not the worker's there is no link.
 */
function linkTo(dataDir: string, target: string, within = 'workspaces'): void {
  try {
    const directory = path.join(dataDir, within);
    mkdirSync(directory, { recursive: true, mode: 0o711 });
    symlinkSync(path.relative(directory, target), path.join(directory, path.basename(target)));
  } catch {
    // It is there, or cannot be made.
  }
}
