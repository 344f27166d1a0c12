import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { createAgentFiles } from '../sandbox/files.ts';
import { runAsAgent } from '../sandbox/shell.ts';
import type { AgentUsers } from './agent-users.ts';
import { peopleName, temporaryName } from './home.ts';
import type { Home } from './home.ts';
import { claimUid, makePersonal, readUids } from './people-directory.ts';

/** The homes of the people on this disk. */
export type Homes = {
  /** The users of the agent's processes; undefined means the worker's own user. */
  readonly users: AgentUsers | undefined;
  readonly dataDir: string;
  /**
   * A person's home, which is made at the first call. `person` is their id; with `isFirst` they get
   * the first user, if it is free. Throws, with a sentence, when it cannot be made or belongs to
   * another user.
   */
  of(person: string, options?: { isFirst?: boolean }): Promise<Home>;
  /** The person's directories were taken away: the next call of `of` makes them again. */
  forget(person: string): void;
  /** The homes that exist. */
  list(): Promise<Home[]>;
};

export type HomesOptions = {
  dataDir: string;
  /** The pictures' directory; within DATA_DIR each person's is in their own. */
  imagesDir: string;
  users?: AgentUsers | undefined;
  /** Whether the first user is kept for the owner of files that an earlier version has left. */
  isFirstKept?: () => boolean;
};

/** An id names a directory. */
const isId = /^[a-z0-9-]{1,40}$/;

export function createHomes({
  dataDir,
  imagesDir,
  users,
  isFirstKept = () => false,
}: HomesOptions): Homes {
  const people = path.join(dataDir, peopleName);
  const temporaries = path.join(dataDir, temporaryName);
  const isApart = users?.block !== undefined;
  const isWithin = imagesDir.startsWith(`${dataDir}${path.sep}`);
  const made = new Map<string, Promise<Home>>();

  const describe = (person: string, user: Home['user']): Home => {
    const directory = path.join(people, person);
    return {
      person,
      user,
      directory,
      temporary: path.join(temporaries, shortName(person)),
      images: isWithin
        ? path.join(directory, path.relative(dataDir, imagesDir))
        : path.join(imagesDir, person),
    };
  };
  const make = async (person: string, isFirst: boolean): Promise<Home> => {
    if (!isId.test(person)) throw new Error(`“${person}” is no id of a person`);
    const uid =
      users && isApart
        ? claimUid(people, person, users, !isFirst && isFirstKept())
        : users?.first.uid;
    const home = describe(person, uid === undefined ? undefined : users?.at(uid));
    if (home.user && isApart) {
      mkdirSync(temporaries, { recursive: true, mode: 0o711 });
      await makePersonal(people, person, home.user);
      await makePersonal(temporaries, shortName(person), home.user);
      if (!isWithin) await makePersonal(imagesDir, person, home.user);
    } else {
      const files = createAgentFiles(home.user);
      await files.makeDirectories([], [home.directory, home.temporary]);
    }
    return home;
  };

  return {
    users,
    dataDir,
    async of(person, { isFirst = false } = {}) {
      const known = made.get(person);
      if (known) return await known;
      const making = make(person, isFirst);
      made.set(person, making);
      making.catch(() => made.delete(person));
      return await making;
    },
    forget: (person) => void made.delete(person),
    async list() {
      if (users && isApart)
        return [...readUids(people)].map(([person, uid]) => describe(person, users.at(uid)));
      const names = users ? await namesAs(users, people) : namesIn(people);
      return names.filter((name) => isId.test(name)).map((name) => describe(name, users?.first));
    },
  };
}

/** A short name that no other person has. */
function shortName(person: string): string {
  return createHash('sha256').update(person).digest('hex').slice(0, 10);
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

async function namesAs({ first }: AgentUsers, directory: string): Promise<string[]> {
  const { output } = await runAsAgent(first, 'ls -1 -- "$1" 2> /dev/null || :', [directory]);
  return output.toString('utf8').split('\n');
}
