import type { People, Person } from '../../../shared/store/people.ts';
import { ElsewhereError, MovingError } from '../../../shared/store/boxes/snapshot.ts';
import { runAsAgentOrOwn } from '../sandbox/shell.ts';
import { workspaceOf } from './home.ts';
import type { Home } from './home.ts';
import type { Homes } from './homes.ts';

/**
 * The home of a conversation's person, who is looked up unless `known` from just now. Throws as
 * `Homes.of` does, MovingError while they move to another home, and ElsewhereError once they have.
 */
export type HomeOf = (conversation: string, known?: Person) => Promise<Home>;

/** Sets aside what this disk has of a person, if it is older than their last move (`epoch`). */
export type WhenOlder = (person: string, epoch: number) => Promise<unknown>;

/**
 * Resolves homes on the disk that is called `name`, and notes it, user and directory in the
 * person's record. Of two people who turned out to be one, each conversation stays in the home that
 * it began in.
 */
export function createHomeOf(
  people: Pick<People, 'of' | 'note'>,
  homes: Homes,
  name: string,
  whenOlder: WhenOlder = async () => undefined,
): HomeOf {
  const settled = new Map<string, string>();

  const hasBegun = async (home: Home, conversation: string): Promise<boolean> => {
    const where = [workspaceOf(home, conversation)];
    return (await runAsAgentOrOwn(home.user, '[ -d "$1" ]', where)).code === 0;
  };
  const idOf = async ({ id, former }: Person, conversation: string): Promise<string> => {
    if (former.length === 0) return id;
    const known = settled.get(conversation);
    if (known !== undefined) return known;
    const existing = new Map((await homes.list()).map((home) => [home.person, home]));
    for (const name of [id, ...former]) {
      const home = existing.get(name);
      if (home && (await hasBegun(home, conversation))) {
        settled.set(conversation, name);
        return name;
      }
    }
    return id;
  };

  return async (conversation, known) => {
    const person = known ?? (await people.of(conversation));
    if (person.move !== undefined) throw new MovingError('the person moves to another home');
    if (person.epoch > 0 && person.home !== name)
      throw new ElsewhereError('the person has another home');
    if (person.epoch > 0) await whenOlder(person.id, person.epoch);
    const home = await homes.of(await idOf(person, conversation));
    const { directory } = home;
    const facts = { user: String(home.user?.uid ?? 'the worker’s'), home: name, directory };
    const isNoted =
      person.user === facts.user && person.home === name && person.directory === directory;
    if (home.person === person.id && !isNoted) await people.note(person.id, facts);
    return home;
  };
}
