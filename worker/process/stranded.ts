import type { Log } from '../../shared/runtime/log.ts';
import { sweepAmong } from '../../shared/store/boxes/sweep.ts';
import type { Stores } from '../../shared/store/stores.ts';
import type { SweepBackoff } from './sweep-backoff.ts';

/** Handles conversations whose inbox or outbox holds something, and which have no job. */
export type OnStranded = (conversations: string[]) => Promise<void>;

export type StrandedDeps = {
  sweepBackoff: SweepBackoff;
  stores: Stores;
  log: Log;
};

/**
 * Creates jobs for conversations with items that wait without one; after a failure the backoff
 * applies.
 */
export function createOnStranded({
  sweepBackoff,
  stores: { redis, turns, deliveries },
  log,
}: StrandedDeps): OnStranded {
  return async (conversations) => {
    const due = conversations.filter((conversation) => !sweepBackoff.isPending(conversation));
    const added = due.length === 0 ? 0 : await sweepAmong(due, redis, turns, deliveries);
    if (added > 0) log.warn({ added }, 'created jobs for stranded conversations');
  };
}
