import type { Sender } from '../../shared/store/boxes/intake.ts';
import { canonicalNumber, isNearNumber } from '../../shared/runtime/number-spelling.ts';
import { isPhoneNumber } from '../../shared/runtime/person-address.ts';
import type { PersonAddress } from '../../shared/runtime/person-address.ts';
import type { AllowList } from './allow-list.ts';
import type { Aliases } from './aliases.ts';

/** The people who may write, and the conversation that each of their addresses belongs to. */
export type People = {
  /**
   * Who wrote, from every address that one webhook names of the sender, the one that wrote first;
   * undefined when they may not write. Asks Redis only for an address that is neither allowed by
   * itself nor known to this process. Throws when Redis is away then.
   */
  identify(addresses: readonly PersonAddress[]): Promise<Sender | undefined>;
  /**
   * The same sender in the conversation that Redis knows them by; in their own where that one's
   * person may not write any more.
   */
  move(sender: Sender, conversation: string): Sender;
  /** The sender's message was stored, and with it what it proves. */
  note(sender: Sender): void;
  /**
   * The allowed number that a refused one misses by a digit after the country code; undefined when
   * there is none.
   */
  nearTo(address: PersonAddress): PersonAddress | undefined;
};

/** One form for all spellings of an address. */
const canonical = (address: string): string =>
  isPhoneNumber(address) ? canonicalNumber(address) : address;

/**
 * `allowed` are the addresses that may write. Where a number is listed in several spellings, the
 * first names the conversation, unless another has one already. An alias counts only while the
 * person that it leads to may write, and only a webhook that names both addresses makes one.
 */
export function createPeople(allowed: readonly PersonAddress[], aliases: Aliases): People {
  const listed = Map.groupBy(new Set(allowed), canonical);

  /**
   * The conversation of an address that may write by itself, and the other spellings of it that are
   * listed.
   */
  const ownOf = (address: string): { conversation: string; rivals: string[] } | undefined => {
    const [first, ...rivals] = listed.get(canonical(address)) ?? [];
    if (first === undefined) return undefined;
    const moved = rivals.find((rival) => rival === aliases.known(first));
    return moved === undefined
      ? { conversation: first, rivals }
      : { conversation: moved, rivals: [] };
  };
  /** The conversation of the allowed person that an address was proven to be. */
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

      // A number is a person by itself, whatever was known of it.
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
        // Neither may write: whoever one of them was known to be, this webhook shows that they are
        // not any more.
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
      return allowed.find(
        (number) => isPhoneNumber(number) && isNearNumber(canonical(number), canonical(address)),
      );
    },
  };
}

/**
 * The people of a list that may change while the relay runs. Before a sender is refused, it is
 * looked at again.
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
    identify: async (addresses) =>
      (await now().identify(addresses)) ??
      ((await list.refresh()) ? await now().identify(addresses) : undefined),
    move: (sender, conversation) => now().move(sender, conversation),
    note: (sender) => now().note(sender),
    nearTo: (address) => now().nearTo(address),
  };
}
