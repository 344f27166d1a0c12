import { z } from 'zod';
import { parseJson } from '../runtime/json.ts';
import { PersonAddress } from '../runtime/person-address.ts';

const messageSid = /^(SM|MM)[0-9a-fA-F]{32}$/;

/** Twilio's ids of messages: `SM` (text) or `MM` (media) and 32 hexadecimal digits. */
export const MessageSid = z.string().regex(messageSid);

export function isMessageSid(value: string | null): value is string {
  return value !== null && messageSid.test(value);
}

/**
 * The ids of messages that a schedule wrote: the conversation's digits or user id, the schedule's
 * number, and when it was due (ms since 1970).
 */
const ScheduledId = z.string().regex(/^schedule-(?:\d+|[A-Z]{2}\.[A-Za-z0-9.]+)-\d+-\d+$/);

/** Whether a schedule wrote the message of this id. */
export function isScheduledId(id: string): boolean {
  return ScheduledId.safeParse(id).success;
}

/**
 * One incoming message as the inbox keeps it: what a person sent, free of Twilio's parameter names,
 * or what a schedule brings. `conversation` is the person's address; `at` the time of acceptance
 * (ISO 8601).
 */
export const Message = z.object({
  id: z.union([MessageSid, ScheduledId]),
  conversation: PersonAddress,
  at: z.iso.datetime(),
  text: z.string(),
  media: z.array(z.object({ url: z.url(), type: z.string() })),
  location: z
    .object({
      latitude: z.number(),
      longitude: z.number(),
      label: z.string().optional(),
      address: z.string().optional(),
    })
    .optional(),
  /** A tapped button or a chosen list item. */
  choice: z.object({ id: z.string(), title: z.string() }).optional(),
  /** The id of the message that this one quotes (swipe to reply). */
  quoted: MessageSid.optional(),
  profileName: z.string().optional(),
  /**
   * What an entry of the inbox is. A later version may store other kinds there: one that is not
   * known must not be taken for a message.
   */
  kind: z.literal('message').optional(),
  /**
   * Whether a person wrote it. Set when the message is accepted; missing in messages that an
   * earlier version stored.
   */
  human: z.boolean().optional(),
});
export type Message = z.infer<typeof Message>;

/**
 * The message that an entry of the inbox is; undefined when this version cannot read it. Fields
 * that are not known do no harm. Never throws.
 */
export function readMessage(entry: string): Message | undefined {
  return Message.safeParse(parseJson(entry)).data;
}

/**
 * Whether a person wrote it. Only such a message can answer a question, approve, command or stop;
 * only such a message opens WhatsApp's 24-hour window, and only for such a one "typing…" can be
 * shown. A message without the stamp was stored by an earlier version, which used Twilio's ids for
 * people's messages alone.
 */
export function isFromPerson({ id, human }: Pick<Message, 'id' | 'human'>): boolean {
  return human ?? isMessageSid(id);
}

/**
 * How far a message has come; kept in the hash that also claims its id. `refused`: the person had
 * sent too much at once, and was asked to send it again.
 */
export type MessageState = 'waiting' | 'working' | 'answered' | 'failed' | 'set aside' | 'refused';
