import { z } from 'zod';
import { PhoneNumber } from './phone-number.ts';

/** Twilio's ids of messages: `SM` (text) or `MM` (media) and 32 hexadecimal digits. */
export const MessageSid = z.string().regex(/^(SM|MM)[0-9a-fA-F]{32}$/);

/**
 * One incoming message as the inbox keeps it: what a person sent, free of Twilio's parameter names.
 * `conversation` is the person's number; `at` the time of acceptance (ISO 8601).
 */
export const Message = z.object({
  id: MessageSid,
  conversation: PhoneNumber,
  at: z.iso.datetime(),
  text: z.string(),
  media: z.array(z.object({ url: z.url(), type: z.string() })),
  location: z
    .object({ latitude: z.number(), longitude: z.number(), label: z.string().optional(), address: z.string().optional() })
    .optional(),
  /** A tapped button or a chosen list item. */
  choice: z.object({ id: z.string(), title: z.string() }).optional(),
  /** The id of the message that this one quotes (swipe to reply). */
  quoted: MessageSid.optional(),
  profileName: z.string().optional(),
});
export type Message = z.infer<typeof Message>;

/** How far a message has come; kept in the hash that also claims its id. */
export type MessageState = 'waiting' | 'working' | 'answered' | 'failed';
