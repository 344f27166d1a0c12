/** A turn's slot, or its place in the queue for one. */
export type Place = {
  /** Resolves when the turn may work. */
  granted: Promise<void>;
  isGranted(): boolean;
  /** 1 is next; 0 when granted. */
  position(): number;
  /** Passes the slot to the next turn in the queue, or leaves the queue. */
  leave(): void;
};

/**
 * At most `max` turns work at once; the others queue in order of arrival. `goesFirst` is for a turn
 * that worked before.
 */
export type Slots = { max: number; taken(): number; enter(goesFirst?: boolean): Place };

export function createSlots(max: number): Slots {
  const holders = new Set<symbol>();
  const line: { id: symbol; grant: () => void }[] = [];
  const admit = (): void => {
    while (holders.size < max) {
      const next = line.shift();
      if (!next) return;
      holders.add(next.id);
      next.grant();
    }
  };
  return {
    max,
    taken: () => holders.size,
    enter(goesFirst = false) {
      const id = Symbol('place');
      const { promise, resolve } = Promise.withResolvers<void>();
      if (goesFirst) line.unshift({ id, grant: resolve });
      else line.push({ id, grant: resolve });
      admit();
      return {
        granted: promise,
        isGranted: () => holders.has(id),
        position: () => line.findIndex((entry) => entry.id === id) + 1,
        leave() {
          const at = line.findIndex((entry) => entry.id === id);
          if (at >= 0) line.splice(at, 1);
          if (holders.delete(id)) admit();
        },
      };
    },
  };
}

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
