/** How many messages a turn sends until the rest goes to a page, where nothing else is set. */
export const usualMessagesPerTurn = 30;

/**
 * What is kept free for the answer, which is at most three messages, and for the link to the page.
 */
const reserved = 4;

/** Counts what a turn sends beside its answer. */
export type SendQuota = {
  /**
   * Whether `count` further messages fit; they are counted if they do. After the first that did
   * not, none fits: the order of what is said stays.
   */
  take(count: number): Promise<boolean>;
  /**
   * Whether a line of progress fits: progress leaves half of the quota to what Claude sends. It is
   * counted if it does.
   */
  takeProgress(): Promise<boolean>;
};

/**
 * A turn sends at most `most` messages, of which an answer and a link to the page of the rest
 * always fit. `sentBefore` says how many replies the turn has put in an earlier attempt; it is
 * asked once, at the first message. `heard` is how many messages of the person the turn has taken
 * up: with each further one the quota begins anew, since somebody reads along.
 */
export function createSendQuota({
  most,
  sentBefore,
  heard,
}: {
  most: number;
  sentBefore: () => Promise<number>;
  heard: () => number;
}): SendQuota {
  const allowed = Math.max(1, most - reserved);
  let before: Promise<number> | undefined;
  let used = 0;
  let isClosed = false;
  let lastHeard = heard();
  const current = async (): Promise<number> => {
    before ??= sentBefore();
    const inEarlierAttempts = await before;
    if (heard() > lastHeard) {
      lastHeard = heard();
      used = 0;
      isClosed = false;
      before = Promise.resolve(0);
      return 0;
    }
    return used + inEarlierAttempts;
  };
  const takeUpTo = async (limit: number, count: number): Promise<boolean> => {
    const soFar = await current();
    if (isClosed || soFar + count > limit) return false;
    used += count;
    return true;
  };
  return {
    async take(count) {
      const fits = await takeUpTo(allowed, count);
      isClosed ||= !fits;
      return fits;
    },
    takeProgress: () => takeUpTo(Math.ceil(allowed / 2), 1),
  };
}
