import type { TurnResult } from '../../shared/store/queues.ts';
import type { Mailbox } from '../turn/mailbox.ts';

/** What a turn has sent to its person beside its answers. */
export type SentMessages = {
  /** A message was put, or an entry added to the turn's page. */
  note(): void;
  /** Whether anything was sent. */
  any(): boolean;
};

/**
 * Counts in the turn's result, and tells the turn. It counts at once: an answer that follows right
 * behind must know of it.
 */
export function createSentMessages(
  mailbox: Pick<Mailbox, 'post'>,
  result: Pick<TurnResult, 'replies'>,
): SentMessages {
  let count = 0;
  return {
    note() {
      count += 1;
      result.replies += 1;
      mailbox.post({ kind: 'sent' });
    },
    any: () => count > 0,
  };
}
