import { announceParked, explain } from '../delivery/deliver.ts';
import type { Ledger } from '../store/boxes/ledger.ts';
import type { Log } from '../runtime/log.ts';
import type { Outbox } from '../store/boxes/outbox.ts';
import { refusalAction } from './error-codes.ts';
import type { StatusReport } from './webhook.ts';

/**
 * Passes a status callback to the ledger and triggers what follows from it. Returns whether a reply
 * is ready to send now. Safe to repeat. Throws when Redis is away.
 */
export type StatusCallbacks = (report: StatusReport) => Promise<boolean>;

/** `template` is the ContentSid of the template that says an answer is waiting. */
export function createStatusCallbacks(
  ledger: Ledger,
  outbox: Outbox,
  template: string | undefined,
  log: Log,
): StatusCallbacks {
  return async (report) => {
    const action = refusalAction(report.code);
    const outcome = await ledger.note(
      report.reply,
      report.conversation,
      report.sid,
      report.status,
      action,
      report.code,
    );
    log.info(
      {
        turn: report.turn,
        reply: report.reply,
        sid: report.sid,
        status: report.status,
        code: report.code,
        outcome,
      },
      'status',
    );
    if (outcome === 'again') await outbox.deliver(report.conversation);
    if (outcome === 'parked')
      await announceParked(outbox, report.conversation, report.reply, template, new Date());
    if (outcome === 'failed') await explain(outbox, ledger, report.reply, action);
    return outcome === 'again' || outcome === 'parked' || outcome === 'failed';
  };
}
