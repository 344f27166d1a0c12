import type { Place, Slots } from '../process/slots.ts';

/**
 * A turn's slot. While the turn waits for its person, the slot is free for others; when the answer
 * comes, the turn takes one again, before turns that have not started.
 */
export type TurnSlot = {
  hold(place: Place): void;
  isHeld(): boolean;
  /** Whether the turn is queued for a slot again. */
  isQueued(): boolean;
  giveBack(): void;
  /**
   * Returns when the turn may work again. Calls `onLong` with the place in the queue when that
   * takes longer than a moment. Rejects with the signal's reason.
   */
  takeAgain(signal: AbortSignal, onLong: (position: number) => Promise<void>): Promise<void>;
  leave(): void;
};

/** How long a turn waits in the queue before its person is notified (ms). */
const patienceMs = 1000;

export function createTurnSlot(slots: Slots): TurnSlot {
  let place: Place | undefined;
  let wasHeld = false;
  const leave = (): void => {
    place?.leave();
    place = undefined;
  };
  return {
    hold(taken) {
      place = taken;
      wasHeld = true;
    },
    isHeld: () => place?.isGranted() ?? false,
    isQueued: () => place !== undefined && !place.isGranted(),
    giveBack: leave,
    async takeAgain(signal, onLong) {
      // A turn that never held a slot has none to take again.
      if (!wasHeld || place) return;
      const queued = slots.enter(true);
      place = queued;
      const { promise: aborted, reject } = Promise.withResolvers<never>();
      const onAbort = (): void => reject(signal.reason);
      if (signal.aborted) onAbort();
      else signal.addEventListener('abort', onAbort, { once: true });
      aborted.catch(() => undefined);
      const timer = setTimeout(
        () => void onLong(queued.position()).catch(() => undefined),
        patienceMs,
      );
      try {
        await Promise.race([aborted, queued.granted]);
      } finally {
        clearTimeout(timer);
        signal.removeEventListener('abort', onAbort);
      }
    },
    leave,
  };
}
