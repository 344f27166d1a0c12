/** A turn's request for a slot: it holds one, or is queued for one. */
export type SlotRequest = {
  /** Resolves when the turn may work. */
  granted: Promise<void>;
  isGranted(): boolean;
  /** 1 is next; 0 when granted. */
  position(): number;
  /** Passes the slot to the next turn in the queue, or leaves the queue. */
  leave(): void;
};

/**
 * At most `max` turns work at once; the others queue. A free slot goes round by person: to the
 * person with the fewest slots, then to the one who got a slot the longest ago, and of one person
 * to the turn that came first. `goesFirst` is for a turn that worked before.
 */
export type Slots = {
  max: number;
  taken(): number;
  request(person?: string, goesFirst?: boolean): SlotRequest;
  /** Whether a turn of another person waits for a slot. */
  isWanted(person: string): boolean;
};

type Queued = { id: symbol; person: string; goesFirst: boolean; grant: () => void };

/** What decides who is next: how many slots each person holds, and when they got the last one. */
type Shares = { held: Map<string, number>; gotAt: Map<string, number>; count: number };

function grantTo({ held, gotAt, count }: Shares, person: string): Shares {
  return {
    held: new Map(held).set(person, (held.get(person) ?? 0) + 1),
    gotAt: new Map(gotAt).set(person, count),
    count: count + 1,
  };
}

/** The turn that gets the next free slot; undefined if the queue is empty. */
function nextOf(queue: readonly Queued[], { held, gotAt }: Shares): Queued | undefined {
  const first = queue.find(({ goesFirst }) => goesFirst);
  if (first) return first;
  const share = ({ person }: Queued): [number, number] => [
    held.get(person) ?? 0,
    gotAt.get(person) ?? -1,
  ];
  return queue.reduce<Queued | undefined>((best, one) => {
    if (!best) return one;
    const [[holds, at], [bestHolds, bestAt]] = [share(one), share(best)];
    return holds < bestHolds || (holds === bestHolds && at < bestAt) ? one : best;
  }, undefined);
}

export function createSlots(max: number): Slots {
  const holders = new Map<symbol, string>();
  const queue: Queued[] = [];
  let shares: Shares = { held: new Map(), gotAt: new Map(), count: 0 };
  const admit = (): void => {
    while (holders.size < max) {
      const next = nextOf(queue, shares);
      if (!next) return;
      queue.splice(queue.indexOf(next), 1);
      holders.set(next.id, next.person);
      shares = grantTo(shares, next.person);
      next.grant();
    }
  };
  const release = (person: string): void => {
    const left = (shares.held.get(person) ?? 1) - 1;
    if (left > 0) shares.held.set(person, left);
    else shares.held.delete(person);
    admit();
  };
  /** How many turns are granted a slot before this one and with it, if none ends or comes. */
  const positionOf = (id: symbol): number => {
    const left = [...queue];
    let coming = shares;
    for (let position = 1; ; position += 1) {
      const next = nextOf(left, coming);
      if (!next) return 0;
      if (next.id === id) return position;
      left.splice(left.indexOf(next), 1);
      coming = grantTo(coming, next.person);
    }
  };
  return {
    max,
    taken: () => holders.size,
    isWanted: (person) => queue.some((queued) => queued.person !== person),
    request(person = '', goesFirst = false) {
      const id = Symbol('slot request');
      const { promise, resolve } = Promise.withResolvers<void>();
      const queued = { id, person, goesFirst, grant: resolve };
      if (goesFirst) queue.unshift(queued);
      else queue.push(queued);
      admit();
      return {
        granted: promise,
        isGranted: () => holders.has(id),
        position: () => positionOf(id),
        leave() {
          const at = queue.findIndex((entry) => entry.id === id);
          if (at >= 0) queue.splice(at, 1);
          if (holders.delete(id)) release(person);
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
  hold(request: SlotRequest, person: string): void;
  isHeld(): boolean;
  /** Whether the turn is queued for a slot again. */
  isQueued(): boolean;
  /** Whether a turn of another person waits for the slot that this turn holds. */
  isWanted(): boolean;
  giveBack(): void;
  /**
   * Returns when the turn may work again. Calls `onLong` with the position in the queue when that
   * takes longer than a moment. Rejects with the signal's reason.
   */
  takeAgain(signal: AbortSignal, onLong: (position: number) => Promise<void>): Promise<void>;
  leave(): void;
};

/** How long a turn waits in the queue before its person is notified (ms). */
const patienceMs = 1000;

export function createTurnSlot(slots: Slots): TurnSlot {
  let request: SlotRequest | undefined;
  let holder: string | undefined;
  const leave = (): void => {
    request?.leave();
    request = undefined;
  };
  return {
    hold(granted, person) {
      request = granted;
      holder = person;
    },
    isHeld: () => request?.isGranted() ?? false,
    isQueued: () => request !== undefined && !request.isGranted(),
    isWanted: () => holder !== undefined && slots.isWanted(holder),
    giveBack: leave,
    async takeAgain(signal, onLong) {
      // A turn that never held a slot has none to take again.
      if (holder === undefined || request) return;
      const queued = slots.request(holder, true);
      request = queued;
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

/** The text for a person whose turn waits for a slot; position 1 is next. */
export function formatQueuePosition(position: number): string {
  return position === 1
    ? 'I am busy with other work. You are next, and I start by myself.'
    : `I am busy with other work. You are number ${position} in the queue, and I start by myself.`;
}
