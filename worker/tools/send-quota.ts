/** The default number of messages per turn before the rest goes to a page. */
export const usualMessagesPerTurn = 30;

/** Messages reserved for the answer, which has at most three, and for the link to the page. */
const reserved = 4;

/** Counts the messages of a turn besides its answer. */
export type SendQuota = {
  /**
   * Whether `count` further messages fit, and counts them if they do. After the first refusal
   * nothing fits, so that the order of the messages is kept.
   */
  take(count: number): Promise<boolean>;
  /**
   * Whether a progress line fits, and counts it if it does. Progress leaves half of the quota to
   * Claude's own messages.
   */
  takeProgress(): Promise<boolean>;
};

/**
 * A turn sends at most `most` messages, which always leaves room for an answer and a link to the
 * page. `sentBefore` returns how many replies an earlier attempt of the turn has sent; it is called
 * once, at the first message. `messageCount` is the number of the person's messages in the turn:
 * each further one resets the quota, since the person is reading along.
 */
export function createSendQuota({
  most,
  sentBefore,
  messageCount,
}: {
  most: number;
  sentBefore: () => Promise<number>;
  messageCount: () => number;
}): SendQuota {
  const allowed = Math.max(1, most - reserved);
  let before: Promise<number> | undefined;
  let used = 0;
  let isClosed = false;
  let lastCount = messageCount();
  const current = async (): Promise<number> => {
    before ??= sentBefore();
    const inEarlierAttempts = await before;
    if (messageCount() > lastCount) {
      lastCount = messageCount();
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
