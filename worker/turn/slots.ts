/** A turn's place among those that may work at once. */
export type Place = {
  /** Ends when the turn may work. */
  granted: Promise<void>;
  isGranted(): boolean;
  /** 1 is next; 0 when granted. */
  position(): number;
  /** Gives the place to the next in the line, or leaves the line. */
  leave(): void;
};

/**
 * So many turns work at once, the others in the order in which they came; `goesFirst` is for one
 * that was at work before.
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
