import { z } from 'zod';
import { Choices } from './choices.ts';
import { parseJson } from '../runtime/json.ts';

/**
 * The stations of a reply, in the order they are reached. `posting` is noted before Twilio is
 * asked, so that a process that dies in between leaves a trace; `parked` waits for the person's
 * next message (Twilio's 63016); `withdrawn` was taken back by a stop.
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
 * A picture or document of a reply, kept by the file store; `name` is what the person sees, `size`
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
 * What is to be said to a person. `template` is a ContentSid that is sent instead of the text;
 * `choices` are tapped under it; `session` is the one it was said in, for when it is quoted.
 * `urgent` overtakes what waits in the outbox; `aside` is said beside an answer, so a stop may take
 * it back while it waits. `id` is the same each time the same thing is said again after a crash.
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
  /**
   * The earliest time at which it may have been sent already, by a send that the store has lost
   * (ISO 8601).
   */
  saidAt?: string;
};

/** Lua that notes in a reply which address it goes to now: the one that wrote last. */
export const addressLua = `
  local function address(conversation, reply)
    local to = redis.call('HGET', conversation, 'address')
    if to then redis.call('HSET', reply, 'to', to) else redis.call('HDEL', reply, 'to') end
  end`;

/** A field of JSON; null, which no field may be, when it cannot be read. */
const readJson = (value: unknown): unknown =>
  typeof value === 'string' && value ? (parseJson(value) ?? null) : undefined;

/** A reply as the ledger keeps it: a Redis hash, read back. Times are ISO 8601. */
export const Reply = z.object({
  id: z.string(),
  conversation: z.string(),
  /** The address that the last attempt goes to, where it is not the conversation's own. */
  to: z.preprocess((value) => value || undefined, z.string().optional()),
  turn: z.string(),
  text: z.string(),
  file: z.preprocess(readJson, ReplyFile.optional()),
  template: z.preprocess((value) => value || undefined, z.string().optional()),
  choices: z.preprocess(readJson, Choices.optional()),
  session: z.preprocess((value) => value || undefined, z.string().optional()),
  /** The choices are written out, since WhatsApp did not take them otherwise. */
  asText: z.string().optional(),
  /** A notice of the relay's: tried once, and not missed when it does not arrive. */
  notice: z.string().optional(),
  status: ReplyStatus,
  sid: z.string().optional(),
  attempts: z.coerce.number().default(0),
  attemptedAt: z.string().optional(),
  /**
   * Since when the store is what it is now, where the reply may have been sent by what it has lost.
   */
  checked: z.string().optional(),
  /** Late failures after which it was sent once more. */
  repeats: z.coerce.number().default(0),
  /** Not to be sent again before this time (ms since 1970). */
  notBefore: z.coerce.number().default(0),
  code: z.preprocess((value) => value || undefined, z.coerce.number().optional()),
  at: z.string(),
});
export type Reply = z.infer<typeof Reply>;

/**
 * What to do about a Twilio error code, whether Twilio answers with it or reports it later by
 * status callback:
 * - `later`: it was not processed; send it again after a while.
 * - `slow`: WhatsApp's limit for this person is reached; wait longer each time (Meta advises 4^n
 *   seconds).
 * - `once-more`: a passing trouble; send it once more, then give up.
 * - `reconcile`: it may have gone out; look it up before sending again.
 * - `park`: the 24-hour window is closed; keep it until the person writes.
 * - `as-text`: WhatsApp does not take it in this form; what can be tapped is written out and sent
 *   once more, anything else is given up.
 * - `give-up`: it will never work, but the person can still be told.
 * - `unreachable`: it will never work, and neither will anything else we say to this person now.
 */
export type RefusalAction =
  'later' | 'slow' | 'once-more' | 'reconcile' | 'park' | 'as-text' | 'give-up' | 'unreachable';
