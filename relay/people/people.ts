import type { Sender } from '../../shared/store/boxes/intake.ts';
import { canonicalNumber, nearNumbers } from '../../shared/runtime/number-spelling.ts';
import { isPhoneNumber } from '../../shared/runtime/person-address.ts';
import type { PersonAddress } from '../../shared/runtime/person-address.ts';
import type { AllowList } from './allow-list.ts';
import type { Aliases } from './aliases.ts';

/** The people who may write, and the conversation of each of their addresses. */
export type People = {
  /**
   * The sender, from all addresses that one webhook gives for them, the writing address first;
   * undefined when they may not write. Queries Redis only for an address that is neither on the
   * list nor known to this process. Throws when Redis is away then.
   */
  identify(addresses: readonly PersonAddress[]): Promise<Sender | undefined>;
  /**
   * The same sender in the conversation that Redis knows them by; in their own if that
   * conversation's person may no longer write.
   */
  move(sender: Sender, conversation: string): Sender;
  /** The sender's message was stored, and with it the aliases that it proves. */
  note(sender: Sender): void;
  /**
   * The allowed number that a refused number misses by a digit after the country code; undefined if
   * there is no such number.
   */
  nearTo(address: PersonAddress): PersonAddress | undefined;
};

/** The canonical spelling of an address. */
const canonical = (address: string): string =>
  isPhoneNumber(address) ? canonicalNumber(address) : address;

/**
 * `allowed` are the addresses that may write. If a number is listed in several spellings, the first
 * names the conversation, unless another spelling already has one. An alias counts only while its
 * person may write, and only a webhook that names both addresses creates an alias.
 */
export function createPeople(allowed: readonly PersonAddress[], aliases: Aliases): People {
  const listed = Map.groupBy(new Set(allowed), canonical);

  /** The conversation of an address on the list, and its other listed spellings. */
  const ownOf = (address: string): { conversation: string; rivals: string[] } | undefined => {
    const [first, ...rivals] = listed.get(canonical(address)) ?? [];
    if (first === undefined) return undefined;
    const moved = rivals.find((rival) => rival === aliases.known(first));
    return moved === undefined
      ? { conversation: first, rivals }
      : { conversation: moved, rivals: [] };
  };
  /** The conversation of the allowed person that an address is proven to belong to. */
  const aliasOf = async (address: string): Promise<string | undefined> => {
    const target = aliases.known(canonical(address)) ?? (await aliases.find(canonical(address)));
    return target === undefined ? undefined : ownOf(target)?.conversation;
  };

  return {
    async identify(addresses) {
      const [address] = addresses;
      if (address === undefined) return undefined;
      const sender = (conversation: string, rest: Partial<Sender>): Sender => ({
        address,
        conversation,
        proven: [],
        rivals: [],
        ...rest,
      });
      const numbers = addresses.filter(isPhoneNumber);
      const ids = addresses.filter((other) => !isPhoneNumber(other));

      // A listed number identifies a person by itself, whatever alias it had.
      const byNumber = numbers.map(ownOf).find((own) => own !== undefined);
      if (byNumber) return sender(byNumber.conversation, { rivals: byNumber.rivals, proven: ids });
      const id = ids.find((other) => ownOf(other) !== undefined);
      if (id !== undefined && numbers.length > 0)
        return sender(id, { proven: addresses.map(canonical) });
      if (id !== undefined) {
        const target = aliases.known(id);
        return sender((target === undefined ? undefined : ownOf(target)?.conversation) ?? id, {
          check: id,
        });
      }
      const known: { other: string; conversation: string }[] = [];
      for (const other of addresses) {
        const conversation = await aliasOf(other);
        if (conversation !== undefined) known.push({ other: canonical(other), conversation });
      }
      if (numbers.length > 0 && ids.length > 0) {
        // Neither may write: this webhook shows that any alias of either is out of date.
        for (const { other } of known) await aliases.forget(other);
        return undefined;
      }
      return known[0] && sender(known[0].conversation, { check: known[0].other });
    },
    move(sender, conversation) {
      if (sender.rivals.includes(conversation))
        return {
          ...sender,
          conversation,
          rivals: [],
          proven: [...sender.proven, sender.conversation],
        };
      const own = ownOf(conversation)?.conversation;
      const { check, ...rest } = sender;
      if (own !== undefined) return { ...rest, conversation: own };
      return check === undefined ? rest : { ...rest, proven: [...sender.proven, check] };
    },
    note({ conversation, proven }) {
      for (const other of proven) aliases.learn(other, conversation);
    },
    nearTo(address) {
      if (!isPhoneNumber(address)) return undefined;
      // Looked up, since anybody can write: going through all people takes 10 ms at ten thousand.
      const near = nearNumbers(canonical(address)).find((number) => listed.has(number));
      return near === undefined ? undefined : listed.get(near)?.[0];
    },
  };
}

/**
 * The people of a list that may change while the relay runs. Reloads the list before it refuses a
 * sender.
 */
export function createListedPeople(list: AllowList, aliases: Aliases): People {
  let listed = list.current();
  let people = createPeople(listed, aliases);
  const now = (): People => {
    if (listed !== list.current()) {
      listed = list.current();
      people = createPeople(listed, aliases);
    }
    return people;
  };
  return {
    async identify(addresses) {
      const sender = await now().identify(addresses);
      if (sender) return sender;
      const leads = addresses.flatMap((address) => aliases.known(canonical(address)) ?? []);
      const isChanged = await list.refresh([...new Set([...addresses, ...leads])]);
      return isChanged ? await now().identify(addresses) : undefined;
    },
    move: (sender, conversation) => now().move(sender, conversation),
    note: (sender) => now().note(sender),
    nearTo: (address) => now().nearTo(address),
  };
}
