import { isFromPerson } from '../../shared/store/message.ts';
import type { Message } from '../../shared/store/message.ts';
import type { Attempts } from './attempts.ts';
import { isNews } from './decisions.ts';
import type { Dispatch } from './dispatch.ts';
import { formatQueuePosition } from '../process/slots.ts';
import type { SlotRequest } from '../process/slots.ts';
import type { TurnContext } from './context.ts';
import type { TurnDeps } from './deps.ts';

/** A turn that starts within this time (ms) needs no message about its position. */
const patienceMs = 1000;

/**
 * Waits for a slot, and returns it with the turn's first messages; undefined when there is nothing
 * to work on, or the person has withdrawn it. Handles messages that come in meanwhile: commands, a
 * stop. After a moment the person gets their position in the queue, once per turn. Gives the
 * attempts back once, before the wait. Throws the signal's reason.
 */
export async function waitForSlot(
  { stores: { outbox }, slots }: Pick<TurnDeps, 'stores' | 'slots'>,
  { conversation, turn, fence, signal, mailbox }: TurnContext,
  dispatch: Dispatch,
  attempts: Pick<Attempts, 'giveBack'>,
  person: string,
): Promise<{ slot: SlotRequest; first: Message[] } | undefined> {
  const look = (): void => mailbox.post({ kind: 'wait-changed' });
  signal.addEventListener('abort', look, { once: true });
  let isLong = false;
  const timer = setTimeout(() => {
    isLong = true;
    look();
  }, patienceMs);
  let slot: SlotRequest | undefined;
  let isWorking = false;
  let hasWaited = false;
  /** Waits for something that the last look has not seen. */
  const change = async (): Promise<void> => {
    for (;;) {
      const event = await mailbox.next(() => undefined);
      if (event.kind !== 'message' || isNews(event, dispatch.hasSeen)) return;
    }
  };
  try {
    for (;;) {
      const first = await dispatch.look(false);
      signal.throwIfAborted();
      if (first.length === 0) return undefined;
      slot ??= slots.request(person);
      isWorking = slot.isGranted();
      if (isWorking) return { slot, first };
      if (!hasWaited) {
        hasWaited = true;
        void slot.granted.then(look);
        // The turn has not started anything yet, so a crash caused by another turn must not count
        // as its attempt.
        await attempts.giveBack();
      }
      // For a turn with scheduled messages only, the person is not waiting for an answer.
      if (isLong && first.some(isFromPerson))
        await outbox.put(
          [{ id: `${turn}.place`, conversation, turn, text: formatQueuePosition(slot.position()) }],
          fence,
        );
      await change();
    }
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', look);
    if (!isWorking) slot?.leave();
  }
}
