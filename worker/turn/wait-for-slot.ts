import { isFromPerson } from '../../shared/store/message.ts';
import type { Message } from '../../shared/store/message.ts';
import type { Dispatch } from './dispatch.ts';
import { placeWords } from '../media/format-place.ts';
import type { Place } from '../process/slots.ts';
import type { TurnContext } from './context.ts';
import type { TurnDeps } from './deps.ts';

export { placeWords };

/** A turn that starts within this time (ms) needs no message about its place. */
const patienceMs = 1000;

/**
 * Waits for a slot, and returns it with the turn's first messages; undefined when there is nothing
 * to work on, or the person has withdrawn it. Handles messages that come in meanwhile: commands, a
 * stop. After a moment the person gets their place in the queue, once per turn. `onWait` is called
 * once, before the wait. Throws the signal's reason.
 */
export async function waitInLine(
  { stores: { outbox }, slots }: Pick<TurnDeps, 'stores' | 'slots'>,
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
      // The turn has not started anything yet, so a crash caused by another turn must not count as
      // its attempt.
      if (!hasWaited) await onWait();
      hasWaited = true;
      // For a turn with scheduled messages only, the person is not waiting for an answer.
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
