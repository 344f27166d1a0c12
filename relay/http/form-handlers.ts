import type { Log } from '../../shared/runtime/log.ts';
import type { SpanAttributes } from '../../shared/runtime/tracing.ts';
import type { Foreign } from '../../shared/twilio/parties.ts';
import type { Incoming } from '../incoming.ts';
import type { VmKeeper } from '../wake/vm.ts';
import type { WebhookMeter } from '../webhook-meter.ts';
import type { SenderRateLimit } from './sender-rate-limit.ts';
import {
  messageParties,
  parseMessage,
  parseStatus,
  requireSid,
  sendersAddresses,
  statusParties,
} from '../../shared/twilio/webhook.ts';
import { within } from '../../shared/runtime/timeout.ts';

export type FormHandlerDeps = {
  incoming: Incoming;
  /**
   * Learns of each new message, and of possible work when a message may have been stored before.
   */
  keeper: Pick<VmKeeper, 'onAccepted' | 'look'>;
  senders: SenderRateLimit;
  meter: Pick<WebhookMeter, 'count'>;
  log: Log;
  now: () => Date;
};

type Note = (attributes: SpanAttributes) => void;

/**
 * Handles the forms that Twilio has signed. Both throw BadRequest 400, or an error when Redis is
 * away; otherwise Twilio gets 200.
 */
export type FormHandlers = {
  takeMessage(form: URLSearchParams, note: Note): Promise<void>;
  takeStatus(form: URLSearchParams, query: URLSearchParams, note: Note): Promise<void>;
};

/**
 * If Redis has not stored it by then (ms), the request is refused with 503, so that Twilio retries.
 */
const patience = 1700;

export function createFormHandlers(deps: FormHandlerDeps): FormHandlers {
  const { incoming, keeper, senders, meter, log, now } = deps;
  const { judgeParties, people } = incoming;

  const leave = (path: string, foreign: Foreign): void => {
    meter.count('not ours');
    log.warn({ path, foreign }, `a webhook that is not for us: wrong ${foreign}`);
  };
  const refuse = (from: string): void => {
    meter.count('not allowed');
    const near = people.nearTo(from);
    if (near === undefined) log.warn({ from }, 'a sender who is not allowed');
    else
      log.warn(
        { from, near },
        'a sender who is not allowed, and is one spelling away from an allowed sender',
      );
  };

  return {
    async takeMessage(form, note) {
      requireSid(form);
      const judgement = judgeParties(messageParties(form));
      if ('foreign' in judgement) return leave('/webhook', judgement.foreign);
      const parsed = parseMessage(form, now());
      const deadline = performance.now() + patience;
      const sender = await before(
        deadline,
        people.identify(sendersAddresses(form, parsed.conversation)),
      );
      if (!sender) return refuse(parsed.conversation);
      if (!senders.admit(sender.conversation)) {
        // Stored before Twilio gets 200: otherwise the next backfill would take it in beside the
        // copy that the person sends again.
        await before(
          deadline,
          incoming.claims.refuse({ ...parsed, conversation: sender.conversation }),
        );
        return meter.count('over the limit');
      }
      const { outcome, turn, message } = await before(
        deadline,
        incoming.receive(parsed, sender),
      ).catch((error: unknown) => {
        senders.giveBack(sender.conversation);
        keeper.look(sender.conversation);
        throw error;
      });
      if (outcome !== 'new') senders.giveBack(sender.conversation);
      if (outcome === 'refused') return refuse(parsed.conversation);
      meter.count(outcome);
      note({ turn, message: message.id, outcome });
      log.info(
        { turn, message: message.id, conversation: message.conversation, outcome },
        'accepted',
      );
      if (outcome === 'no-home') return;
      if (outcome === 'duplicate') keeper.look(message.conversation);
      else keeper.onAccepted(message);
    },
    async takeStatus(form, query, note) {
      const report = parseStatus(form, query);
      const judgement = judgeParties(statusParties(form));
      if ('foreign' in judgement) return leave('/webhook/status', judgement.foreign);
      if (!report) return;
      note({ turn: report.turn, reply: report.reply, status: report.status });
      await before(performance.now() + patience, incoming.noteStatus(report));
    },
  };
}

/**
 * The work's result, or an error at the deadline (ms, from `performance.now()`). A late write is
 * harmless, since a repeated webhook is a duplicate.
 */
async function before<T>(deadline: number, work: Promise<T>): Promise<T> {
  return await within(deadline - performance.now(), work, () => {
    throw new Error('Redis took too long');
  });
}
