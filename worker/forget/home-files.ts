import type { Home } from '../agent/homes/home.ts';
import { longPatience, runAsAgentOrOwn } from '../agent/sandbox/shell.ts';
import type { Place } from '../snapshots/place.ts';

const emptying = `for directory in "$@"; do
  [ -d "$directory" ] || continue
  chmod -R u+rwX -- "$directory" 2> /dev/null
  find "$directory" -mindepth 1 -delete || exit 1
done`;

const counting = `[ ! -d "$1" ] || find "$1" -name .git -prune -o -name node_modules -prune -o -type f -print | wc -l`;

/** How many files are in the workspaces of a home, without those of Git and of installed packages. */
export async function countFiles({ user, directory }: Home): Promise<number> {
  const { output } = await runAsAgentOrOwn(user, counting, [`${directory}/workspaces`]);
  return Number(output.toString('utf8').trim() || 0);
}

/**
 * Empties a home with the rights of its person: workspaces, sessions, the browser's profile,
 * checkpoints, pictures, and what a restore or a move has set aside on this disk. The directories
 * themselves stay. Throws when something cannot be deleted.
 */
export async function emptyHome(home: Home, place: Place): Promise<void> {
  const { user, directory, temporary, images, person } = home;
  const { code, said } = await runAsAgentOrOwn(
    user,
    emptying,
    [directory, temporary, images],
    longPatience,
  );
  if (code !== 0) throw new Error(said || `a step ended with ${code}`);
  const own = new RegExp(`^\\.(?:aside|left|restored|restoring)-${person}(?:-\\d+)?$`);
  for (const name of await place.list(home)) if (own.test(name)) await place.remove(home, name);
}
