import type { People, Person } from '../../shared/store/people.ts';
import { NoPlaceError } from './kept-directory.ts';
import type { Secrets } from './secrets.ts';

/**
 * The id of a conversation's person, under which their secrets and links are kept. The person is
 * looked up unless `known` from just now.
 */
export type PersonOf = (conversation: string, known?: Person) => Promise<string>;

/** The names that something of a person may have been kept under before: by now it is their id. */
export function formerNames({ addresses, former }: Person): string[] {
  return [...former, ...addresses];
}

/** Takes over the secrets of a person's former names before it names the person. */
export function createPersonOf(people: Pick<People, 'of'>, secrets: Secrets): PersonOf {
  const adopted = new Set<string>();
  return async (conversation, known) => {
    const person = known ?? (await people.of(conversation));
    for (const former of formerNames(person)) {
      const name = `${person.id} ${former}`;
      if (adopted.has(name)) continue;
      try {
        await secrets.adopt(person.id, former);
        adopted.add(name);
      } catch (error) {
        // Where nothing can be kept, nothing was.
        if (!(error instanceof NoPlaceError)) throw error;
      }
    }
    return person.id;
  };
}
