import type { NoteNames } from './note-names.ts';
import type { People } from '../../shared/store/people.ts';
import type { Link, Links } from '../../shared/store/links/links.ts';
import type { SecretDetail } from '../../shared/store/links/secret-link.ts';
import type { SealedSecrets } from '../../shared/store/links/sealed.ts';
import { NoPlaceError } from './kept-directory.ts';
import { formerNames } from './person-of.ts';
import type { PersonOf } from './person-of.ts';
import type { KnownSecret, SetOutcome, Secrets } from './secrets.ts';

/** What became of what was entered on a page; `gone`: it waited for too long. */
export type Taken = { name: string; outcome: SetOutcome } | { outcome: 'gone' };

/** A person's secrets and links, as commands of the chat see them. */
export type SecretDesk = {
  /** Creates the link of the page where a secret is entered. Throws NoPlaceError. */
  ask(conversation: string, name: string): Promise<string>;
  /** Stores what was entered through a link. May be repeated. */
  take(conversation: string, link: string): Promise<Taken>;
  /** Throws NoPlaceError, as does `remove`. */
  list(conversation: string): Promise<KnownSecret[]>;
  remove(conversation: string, name: string): Promise<boolean>;
  /** Whether everybody here has a value of this name from the worker's environment. */
  isShared(name: string): boolean;
  shared: readonly string[];
  openLinks(conversation: string): Promise<Link[]>;
  /** Returns how many links were revoked. */
  revokeLinks(conversation: string, ids?: readonly string[]): Promise<number>;
  /**
   * Removes the person's secrets and links, and what waits sealed under these. May be repeated.
   * Returns how many secrets and links there were.
   */
  forget(conversation: string): Promise<number>;
};

export type SecretDeskDeps = {
  people: Pick<People, 'of'>;
  personOf: PersonOf;
  secrets: Secrets;
  links: Links;
  sealed: SealedSecrets;
  publicUrl: string;
  /** The names that the worker's environment has for everybody's commands. */
  shared: readonly string[];
  noteNames: NoteNames;
};

/** Where nothing can be kept, nothing was. */
function noneWithoutPlace(error: unknown): KnownSecret[] {
  if (error instanceof NoPlaceError) return [];
  throw error;
}

export function createSecretDesk(deps: SecretDeskDeps): SecretDesk {
  const { people, personOf, secrets, links, sealed, publicUrl, shared, noteNames } = deps;
  /** All names that a link of the person may have. */
  const namesOf = async (conversation: string): Promise<string[]> => {
    const person = await people.of(conversation);
    return [person.id, ...formerNames(person)];
  };
  return {
    async ask(conversation, name) {
      const detail: SecretDetail = { conversation, key: await secrets.publicKey() };
      const { token } = await links.add({
        purpose: 'secret',
        person: await personOf(conversation),
        object: name,
        detail: JSON.stringify(detail),
        uses: 1,
      });
      return `${publicUrl}/link/${token}`;
    },
    async take(conversation, link) {
      const found = await sealed.find(link);
      if (!found || !(await namesOf(conversation)).includes(found.person))
        return { outcome: 'gone' };
      const { name, box } = found;
      // An earlier attempt has stored it, and ended before it could say so.
      if (box === '') return { name, outcome: 'set' };
      const person = await personOf(conversation);
      const outcome = await secrets.set(person, name, box);
      if (outcome === 'set') await sealed.empty(link);
      if (outcome === 'set') await noteNames(person);
      return { name, outcome };
    },
    list: async (conversation) => secrets.list(await personOf(conversation)),
    async remove(conversation, name) {
      const person = await personOf(conversation);
      const isRemoved = await secrets.remove(person, name);
      await noteNames(person);
      return isRemoved;
    },
    isShared: (name) => shared.includes(name),
    shared,
    async openLinks(conversation) {
      const names = await namesOf(conversation);
      return (await Promise.all(names.map((name) => links.list(name)))).flat();
    },
    async revokeLinks(conversation, ids) {
      let revoked = 0;
      for (const name of await namesOf(conversation)) revoked += await links.revoke(name, ids);
      return revoked;
    },
    async forget(conversation) {
      let count = 0;
      for (const name of await namesOf(conversation)) {
        const known = await secrets.list(name).catch(noneWithoutPlace);
        for (const secret of known) if (await secrets.remove(name, secret.name)) count += 1;
        for (const id of await links.ids(name)) await sealed.remove(id);
        count += await links.revoke(name);
      }
      return count;
    },
  };
}
