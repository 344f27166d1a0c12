import { z } from 'zod';
import { Choices } from './choices.ts';
import { parseJson } from '../runtime/json.ts';

/**
 * The statuses of a reply, in order. `posting` is noted before the request to Twilio, so that a
 * crash in between leaves a trace; `parked` waits for the person's next message (Twilio's 63016);
 * `withdrawn` was taken back by a stop.
 */
export const ReplyStatus = z.enum([
  'waiting',
  'posting',
  'parked',
  'queued',
  'sent',
  'delivered',
  'read',
  'failed',
  'withdrawn',
]);
export type ReplyStatus = z.infer<typeof ReplyStatus>;

/**
 * The longest pause before a refused reply is sent again (ms; `redis/functions/failure.lua`). One
 * that seems longer comes of a clock that was set back, and counts as over.
 */
export const longestPauseMs = 900_000;

/**
 * A picture or document of a reply, stored in the file store; `name` is shown to the person, `size`
 * is in bytes.
 */
export const ReplyFile = z.object({
  token: z.string(),
  type: z.string(),
  name: z.string(),
  size: z.number(),
});
export type ReplyFile = z.infer<typeof ReplyFile>;

/**
 * A reply to a person. `template` is a ContentSid that is sent instead of the text; `choices`
 * appear under it; `session` is the session it was said in, for when it is quoted. `urgent`
 * overtakes waiting replies in the outbox; `aside` accompanies an answer, so a stop may withdraw it
 * while it waits. `id` is stable when the same reply is put again after a crash.
 */
export type NewReply = {
  id: string;
  conversation: string;
  turn: string;
  text: string;
  file?: ReplyFile;
  template?: string;
  choices?: Choices;
  session?: string;
  urgent?: true;
  aside?: true;
  /** The earliest time of a possible earlier send that is missing from the store (ISO 8601). */
  saidAt?: string;
};

/** A JSON field; null, which fails validation, if it cannot be parsed. */
const readJson = (value: unknown): unknown =>
  typeof value === 'string' && value ? (parseJson(value) ?? null) : undefined;

/** A reply in the ledger: a Redis hash, parsed. Times are ISO 8601. */
export const Reply = z.object({
  id: z.string(),
  conversation: z.string(),
  /** The address of the last attempt, if it is not the conversation's own. */
  to: z.preprocess((value) => value || undefined, z.string().optional()),
  turn: z.string(),
  text: z.string(),
  file: z.preprocess(readJson, ReplyFile.optional()),
  template: z.preprocess((value) => value || undefined, z.string().optional()),
  choices: z.preprocess(readJson, Choices.optional()),
  session: z.preprocess((value) => value || undefined, z.string().optional()),
  /** The choices are written out, since WhatsApp refused them as buttons. */
  asText: z.string().optional(),
  /** A relay notice: attempted once, and not missed when it does not arrive. */
  notice: z.string().optional(),
  status: ReplyStatus,
  sid: z.string().optional(),
  attempts: z.coerce.number().default(0),
  attemptedAt: z.iso.datetime().optional(),
  /** Since when the store has its current data, if a lost write may already have sent the reply. */
  checked: z.iso.datetime().optional(),
  /** Twilio's id of the last attempt that failed after it was accepted. */
  failedSid: z.string().optional(),
  /** The number of late failures that led to another send. */
  repeats: z.coerce.number().default(0),
  /** The earliest time of the next attempt (ms since 1970). */
  notBefore: z.coerce.number().default(0),
  code: z.preprocess((value) => value || undefined, z.coerce.number().optional()),
  at: z.iso.datetime(),
  /** When Twilio accepted the last attempt, and when it was delivered. */
  postedAt: z.string().optional(),
  deliveredAt: z.string().optional(),
  /** How long the send rate has held the last attempt back (ms). */
  pacedMs: z.coerce.number().default(0),
  /** It accompanies an answer, such as a progress note. */
  aside: z.string().optional(),
});
export type Reply = z.infer<typeof Reply>;

/**
 * What to do about a Twilio error code, whether Twilio answers with it or reports it later by
 * status callback:
 * - `later`: not processed; retry after a while.
 * - `slow`: WhatsApp's limit for this person is reached; back off longer each time (Meta advises
 *   4^n seconds).
 * - `once-more`: a temporary problem; retry once, then give up.
 * - `reconcile`: it may have gone out; look it up before sending again.
 * - `park`: the 24-hour window is closed; keep it until the person writes.
 * - `as-text`: WhatsApp refuses it in this form; choices are written out and sent once more,
 *   anything else is given up.
 * - `give-up`: it will never work, but the person can still be told.
 * - `unreachable`: no message to this person will work now.
 */
export type RefusalAction =
  'later' | 'slow' | 'once-more' | 'reconcile' | 'park' | 'as-text' | 'give-up' | 'unreachable';
