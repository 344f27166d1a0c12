import { isFromPerson } from '../../shared/store/message.ts';
import type { Message } from '../../shared/store/message.ts';
import type { Outbox } from '../../shared/store/boxes/outbox.ts';
import type { Dispatch } from './dispatch.ts';
import { placeWords } from '../media/format-place.ts';
import type { Place, Slots } from './slots.ts';
import type { TurnContext } from './context.ts';

export { placeWords };

/** A turn that begins within this time (ms) needs no word about its place. */
const patienceMs = 1000;

/**
 * Waits until the turn may work, and returns its place with what it begins with; undefined when
 * there is nothing to work, or the person has taken it back. What comes in meanwhile is obeyed: a
 * command, a stop. Who still waits after a moment is told their place, once for each turn. `onWait`
 * is called once, before it waits. Throws the signal's reason.
 */
export async function waitInLine(
  { outbox, slots }: { outbox: Outbox; slots: Slots },
  { conversation, turn, fence, signal, subscription }: TurnContext,
  dispatch: Dispatch,
  onWait: () => Promise<void>,
): Promise<{ place: Place; first: Message[] } | undefined> {
  let change = Promise.withResolvers<undefined>();
  const look = (): void => change.resolve(undefined);
  const endListening = subscription.tell(look, dispatch.hasSeen);
  signal.addEventListener('abort', look, { once: true });
  let isLong = false;
  const timer = setTimeout(() => {
    isLong = true;
    look();
  }, patienceMs);
  let place: Place | undefined;
  let isWorking = false;
  let hasWaited = false;
  try {
    for (;;) {
      change = Promise.withResolvers();
      const first = await dispatch.look(false);
      signal.throwIfAborted();
      if (first.length === 0) return undefined;
      place ??= slots.enter();
      isWorking = place.isGranted();
      if (isWorking) return { place, first };
      // Nothing has begun for it yet, so that a crash of somebody else's work is no attempt of its
      // own.
      if (!hasWaited) await onWait();
      hasWaited = true;
      // One whom only a schedule has woken waits for nobody's answer.
      if (isLong && first.some(isFromPerson))
        await outbox.put(
          [{ id: `${turn}.place`, conversation, turn, text: placeWords(place.position()) }],
          fence,
        );
      await Promise.race([place.granted, change.promise]);
    }
  } finally {
    clearTimeout(timer);
    endListening();
    signal.removeEventListener('abort', look);
    if (!isWorking) place?.leave();
  }
}
