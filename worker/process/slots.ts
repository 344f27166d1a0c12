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
