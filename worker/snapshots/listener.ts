import type { Stores } from '../../shared/store/stores.ts';
import type { Agent } from '../agent/agent.ts';
import { loadNumbers } from '../people/lazy-modules.ts';
import type { SnapshotListener } from './snapshots.ts';
import { failingWords, goneWords, refusedWords, restoredWords } from './format-notices.ts';

/** The stores that a listener uses. */
export type ListenerStores = Pick<
  Stores,
  'outbox' | 'tellOwner' | 'people' | 'conversations' | 'moves'
>;

/** Tells people, and the owner, what happens with snapshots of homes. */
export function createSnapshotListener(
  { outbox, tellOwner, people, conversations, moves }: ListenerStores,
  agent: Pick<Agent, 'release'>,
  now: () => number = Date.now,
): SnapshotListener {
  /** How the owner knows the person. */
  const nameOf = async (conversation: string): Promise<string> => {
    const { name } = await people.of(conversation);
    return name ?? (await loadNumbers()).showNumber(conversation);
  };
  return {
    async onRestored(conversation, untold) {
      const { timezone } = await conversations.read(conversation);
      const { id: person } = await people.of(conversation);
      // A move from a living home has saved everything: nothing is lost, and it says itself what it
      // did.
      const move = await moves.read(person);
      if (move?.step === 'moved' && move.by !== 'dead' && untold.at >= (move.snapshot ?? Infinity))
        return;
      const id = `restored.${person}.${untold.on}`;
      const text = restoredWords(untold, now(), timezone);
      await outbox.put([{ id, conversation, turn: id, text }]);
    },
    async onGone(conversation) {
      await tellOwner('snapshots', goneWords(await nameOf(conversation)));
    },
    async onRefused(conversation, reason) {
      await tellOwner('snapshots', refusedWords(await nameOf(conversation), reason));
    },
    async onFailing(conversation, reason) {
      await tellOwner('snapshots', failingWords(await nameOf(conversation), reason));
    },
    async release(conversation) {
      const person = await people.of(conversation);
      for (const one of new Set([conversation, ...person.conversations])) await agent.release(one);
    },
  };
}
