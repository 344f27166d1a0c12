import type { JudgeParties } from '../shared/twilio/parties.ts';
import type { StatusReport } from '../shared/twilio/webhook.ts';
import type { Claims } from './dedup.ts';
import type { Receive } from './http/reception.ts';
import type { People } from './people/people.ts';

/** How a message or a status comes in, by webhook or by backfill. */
export type Incoming = {
  judgeParties: JudgeParties;
  people: People;
  receive: Receive;
  claims: Claims;
  noteStatus(report: StatusReport): Promise<void>;
};
