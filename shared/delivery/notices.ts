import type { Deliver, DeliveryStep } from './deliver.ts';
import type { Ledger } from '../store/boxes/ledger.ts';
import type { Log } from '../runtime/log.ts';
import type { Reply } from '../store/reply.ts';

/** The longest time a notice may wait for its turn (ms); later it is out of date. */
const staleMs = 15_000;

/**
 * Sends a relay notice to a person, once for each id. Never throws: a notice that cannot be sent is
 * dropped.
 */
export type Notices = (id: string, conversation: string, text: string) => Promise<void>;

/**
 * Sends a reply of the outbox at once, when no worker is running. Resolves whether nothing is left
 * to do: a reply that cannot go now, or whose sending was unclear, stays in the outbox. Throws when
 * Redis is away.
 */
export type SendNow = (reply: string) => Promise<boolean>;

export function createSendNow(ledger: Ledger, deliver: Deliver): SendNow {
  return async (id) => {
    const reply = await ledger.find(id);
    if (!reply) return true;
    const attempt = await ledger.begin(undefined, reply, 'waiting');
    if (attempt === undefined) return false;
    return (await deliver((await ledger.find(id)) ?? reply, undefined, attempt)).done;
  };
}

/**
 * Notices use the same send rate and ledger as answers, but bypass the outbox: the worker that
 * empties it may be asleep.
 */
export function createNotices(
  ledger: Ledger,
  deliver: (reply: Reply) => Promise<DeliveryStep>,
  log: Log,
): Notices {
  return async (id, conversation, text) => {
    try {
      if (!(await ledger.addNotice({ id, conversation, turn: id, text }))) return;
      const deadline = Date.now() + staleMs;
      for (let reply = await ledger.find(id); reply; reply = await ledger.find(id)) {
        const step = await deliver(reply);
        if (step.done) return;
        if (Date.now() + step.waitMs > deadline) {
          await ledger.failed(reply, reply.attempts, 'give-up', undefined);
          return;
        }
        await new Promise((resolve) => setTimeout(resolve, step.waitMs));
      }
    } catch (error) {
      log.warn({ err: error, conversation }, 'notice dropped');
    }
  };
}
