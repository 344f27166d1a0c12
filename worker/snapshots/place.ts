import path from 'node:path';
import { peopleName } from '../agent/homes/home.ts';
import type { Home } from '../agent/homes/home.ts';
import type { Homes } from '../agent/homes/homes.ts';
import { makePersonal } from '../agent/homes/people-directory.ts';
import { createAgentFiles } from '../agent/sandbox/files.ts';
import { longPatience, runAsAgentOrOwn } from '../agent/sandbox/shell.ts';

/**
 * The directory of the homes, for what lies beside them: names that begin with a dot, which are no
 * homes. Methods throw when a step fails.
 */
export type Place = {
  /** Makes an empty directory of the person's beside their home; what was there is removed. */
  make(home: Home, name: string): Promise<string>;
  /** The names beside the homes. */
  list(home: Home): Promise<string[]>;
  /** Renames in one step; the target must not exist. */
  rename(home: Home, from: string, to: string): Promise<void>;
  /** Removes a directory of the person's; there need not be one. */
  remove(home: Home, name: string): Promise<void>;
  /** Whether a file or link lies below it; false without such a directory. */
  hasFiles(home: Home, name: string): Promise<boolean>;
};

const removal = `[ -d "$1" ] || exit 0
chmod -R u+rwX -- "$1" 2> /dev/null
find "$1" -mindepth 1 -delete`;

export function createPlace(homes: Pick<Homes, 'users' | 'dataDir'>): Place {
  const people = path.join(homes.dataDir, peopleName);
  const isApart = homes.users?.block !== undefined;
  const at = (name: string): string => path.join(people, name);
  const run = async (user: Home['user'], script: string, names: string[]): Promise<string> => {
    const { code, output, said } = await runAsAgentOrOwn(user, script, names, longPatience);
    if (code !== 0) throw new Error(said || `a step ended with ${code}`);
    return output.toString('utf8');
  };
  // Where each person has a user, only the worker may change what lies beside the homes.
  const placer = ({ user }: Home): Home['user'] => (isApart ? undefined : user);
  const remove: Place['remove'] = async (home, name) => {
    await run(home.user, removal, [at(name)]);
    await run(placer(home), '[ ! -d "$1" ] || rmdir -- "$1"', [at(name)]);
  };
  return {
    remove,
    async make(home, name) {
      await remove(home, name);
      if (home.user && isApart) return await makePersonal(people, name, home.user);
      await createAgentFiles(home.user).makeDirectories([], [at(name)]);
      return at(name);
    },
    async list(home) {
      const said = await run(placer(home), 'ls -1A -- "$1"', [people]);
      return said.split('\n').filter((name) => name.startsWith('.'));
    },
    async rename(home, from, to) {
      await run(placer(home), '[ ! -e "$2" ] && exec mv -T -- "$1" "$2"', [at(from), at(to)]);
    },
    async hasFiles(home, name) {
      // A directory that its owner may not read has files as far as can be known.
      const script =
        '[ ! -d "$1" ] || find "$1" -mindepth 1 ! -type d -print -quit 2> /dev/null || echo closed';
      return (await run(home.user, script, [at(name)])) !== '';
    },
  };
}
