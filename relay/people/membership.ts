import { keys } from '../../shared/store/redis/keys.ts';
import type { Log } from '../../shared/runtime/log.ts';
import type { Stores } from '../../shared/store/stores.ts';
import { waitingSets } from '../../shared/store/boxes/sweep.ts';
import { setAsideSeconds } from '../../shared/store/redis/retention.ts';
import {
  announceRemoval,
  conversationsOf,
  returnedQuestion,
  setAsideWords,
} from '../../shared/store/boxes/set-aside.ts';
import type { AllowList } from './allow-list.ts';

export type MembershipDeps = {
  stores: Pick<
    Stores,
    'redis' | 'outbox' | 'schedules' | 'setAside' | 'allowed' | 'people' | 'tellOwner' | 'homes'
  >;
  list: AllowList;
  log: Log;
};

/** How many conversations one step checks. */
const batch = 500;

/**
 * Publishes the allow list and handles people who were removed or are back: sets aside what removed
 * people have waiting and tells the owner; asks the owner about people who are back. It derives
 * everything from the current state rather than from the latest change, so a crash in between does
 * no harm. Throws when Redis is away.
 */
export function createMembership({ stores, list, log }: MembershipDeps): () => Promise<void> {
  const { redis, outbox, schedules, setAside, allowed, people, tellOwner, homes } = stores;

  /** Sets aside what removed people have waiting. Returns those who had something. */
  const sweep = async (): Promise<Set<string>> => {
    const moved = new Set<string>();
    const all = await homes.suffixes();
    for (const set of [keys.known, ...waitingSets(all)]) {
      let cursor = '0';
      do {
        const [next, conversations] = await redis.sscan(set, cursor, 'COUNT', batch);
        cursor = next;
        for (const conversation of await setAside.sweep(conversations)) moved.add(conversation);
      } while (cursor !== '0');
    }
    for (const conversation of await allowed.without(await schedules.conversations(all))) {
      if ((await schedules.setAside(conversation)) > 0) moved.add(conversation);
    }
    return moved;
  };

  const tellOfRemoved = async (moved: Set<string>): Promise<void> => {
    const lines: string[] = [];
    for (const conversation of moved)
      lines.push(`${conversation} (${setAsideWords(await setAside.counts(conversation))})`);
    if (lines.length === 0) return;
    log.warn({ people: lines.length }, 'set aside the waiting work of removed people');
    await tellOwner('removed', removedWords(lines));
  };

  const askForReturned = async (): Promise<void> => {
    const owner = await allowed.owner();
    if (owner === undefined) return;
    const asked = new Set<string>();
    for (const address of await setAside.among(list.current())) {
      // One question about a person, whatever addresses of theirs are listed.
      if (asked.has(address)) continue;
      const question = await returnedQuestion({ setAside, allowed, people }, owner, address);
      if (!question) continue;
      for (const one of await conversationsOf(people, address)) asked.add(one);
      log.warn(
        { conversation: address },
        'a person is allowed again; their waiting work is still set aside',
      );
      await outbox.put([question]);
    }
  };

  return async () => {
    const { isOurs, removed } = await list.publish();
    if (!isOurs) return;
    await tellOfRemoved(await sweep());
    for (const conversation of removed) {
      log.warn({ conversation }, 'person removed from the allow list');
      // Only after the owner was notified, or the worker would report half of it.
      await announceRemoval(redis, conversation);
    }
    await askForReturned();
  };
}

/** The notice to the owner about removed people who had something waiting. */
function removedWords(people: string[]): string {
  const days = setAsideSeconds / 86_400;
  return `No longer in ALLOWED_SENDERS: ${people.join(', ')}. I set what was waiting aside. It is not done, and I delete it after ${days} days unless they come back.`;
}
