import type { Log } from '../../shared/runtime/log.ts';
import { createRateLimit, minuteOf } from './rate-limit.ts';
import type { Notices } from '../../shared/delivery/notices.ts';

/** The rate limit for messages of one person. */
export type SenderRateLimit = {
  /**
   * Whether one more message may be taken in now; counts it. The person gets a notice for the first
   * refused one, once a minute.
   */
  admit(sender: string): boolean;
  /** The message was a duplicate or could not be stored: it does not count. */
  giveBack(sender: string): void;
};

export function createSenderRateLimit(
  perMinute: number,
  notices: Notices,
  log: Log,
  now: () => number = Date.now,
): SenderRateLimit {
  const taken = createRateLimit(perMinute, now);
  const told = createRateLimit(1, now);
  return {
    admit(sender) {
      if (taken.take(sender)) return true;
      if (told.take(sender)) {
        log.warn({ from: sender, perMinute }, 'a sender is over the limit');
        const text = `That is more than I can take in at once. I kept the first ${perMinute}; please send the rest again in a minute.`;
        void notices(`limit.${minuteOf(now())}.${sender}`, sender, text);
      }
      return false;
    },
    giveBack: (sender) => taken.giveBack(sender),
  };
}
