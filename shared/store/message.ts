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
 * The ids of messages from a schedule: the conversation's digits or user id, the schedule's number,
 * and the due time (ms since 1970).
 */
const ScheduledId = z.string().regex(/^schedule-(?:\d+|[A-Z]{2}\.[A-Za-z0-9.]+)-\d+-\d+$/);

/**
 * The ids of messages about work in the background: the conversation's digits or user id, and a
 * uuid or a digest.
 */
const WorkId = z.string().regex(/^work-(?:\d+|[A-Z]{2}\.[A-Za-z0-9.]+)-[0-9a-f-]{8,64}$/);

/** The id of a message about work in the background; `name` is a uuid or hexadecimal digits. */
export function workId(conversation: string, name: string): string {
  return `work-${conversation.replace('+', '')}-${name}`;
}

/**
 * The ids of messages about a secret that was entered: the conversation's digits or user id, and
 * the id of the link.
 */
const SecretId = z.string().regex(/^secret-(?:\d+|[A-Z]{2}\.[A-Za-z0-9.]+)-[0-9a-f]{16}$/);

/** The id of the message about a secret that was entered through a link. */
export function secretId(conversation: string, link: string): string {
  return `secret-${conversation.replace('+', '')}-${link}`;
}

/**
 * The ids of stops from the dashboard: the conversation's digits or user id, and the id of the
 * turn.
 */
const StopId = z.string().regex(/^stop-(?:\d+|[A-Z]{2}\.[A-Za-z0-9.]+)-[\w.-]{1,160}$/);

/** The id of the message that ends a turn from the dashboard. */
export function stopId(conversation: string, turn: string): string {
  return `stop-${conversation.replace('+', '')}-${turn}`;
}

/** The id of the button that ends this turn and no other. */
export function stopButton(turn: string): string {
  return `/stop-work ${turn}`;
}

/** Whether the message with this id is about work in the background. */
export function isWorkId(id: string): boolean {
  return WorkId.safeParse(id).success;
}

/** Whether the message with this id came from a schedule. */
export function isScheduledId(id: string): boolean {
  return ScheduledId.safeParse(id).success;
}

const MessageId = z.union([MessageSid, ScheduledId, WorkId, SecretId, StopId]);

/** Whether this is the id of a message of any kind. */
export function isMessageId(id: string): boolean {
  return MessageId.safeParse(id).success;
}

/**
 * One incoming message as the inbox stores it: from a person, without Twilio's parameter names,
 * from a schedule, from the page of a secret, or from Claude's own work in the background.
 * `conversation` is the person's address; `at` the time of acceptance (ISO 8601).
 */
export const Message = z.object({
  id: MessageId,
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
  /** A tapped button or a selected list item. */
  choice: z.object({ id: z.string(), title: z.string() }).optional(),
  /** The id of the quoted message (swipe to reply). */
  quoted: MessageSid.optional(),
  profileName: z.string().optional(),
  /**
   * Work in the background of a session: `say` is a sentence for the person that needs no model;
   * without it Claude has something to say: `about` are the requests of what has ended and `ended`
   * its tasks, and `tasks` are those that the worker lost sight of.
   */
  work: z
    .object({
      session: z.string(),
      say: z.string().optional(),
      about: z.array(z.string()).optional(),
      ended: z.array(z.string()).optional(),
      tasks: z
        .array(
          z.object({ id: z.string(), description: z.string(), request: z.string().optional() }),
        )
        .optional(),
    })
    .optional(),
  /** A secret waits in Redis, sealed, under the id of this link. No person wrote the message. */
  sealed: z.string().optional(),
  /** The turn that the owner ends from the dashboard. No person wrote the message. */
  stops: z.string().optional(),
  /** What the owner has added for Claude when the message was tried again. */
  note: z.string().optional(),
  /** It was given up and brought back. */
  again: z.literal(true).optional(),
  /**
   * The kind of the inbox entry. A later version may store other kinds: an unknown kind must not be
   * read as a message.
   */
  kind: z.literal('message').optional(),
  /**
   * Whether a person wrote it. Set when the message is accepted; missing in messages stored by an
   * earlier version.
   */
  human: z.boolean().optional(),
});
export type Message = z.infer<typeof Message>;

/**
 * Parses an inbox entry; undefined if this version cannot read it. Ignores unknown fields. Never
 * throws.
 */
export function readMessage(entry: string): Message | undefined {
  return Message.safeParse(parseJson(entry)).data;
}

/**
 * Whether a person wrote it. Only a person's message can answer a question, approve, command or
 * stop, opens WhatsApp's 24-hour window, and can show "typing…". A message without the field was
 * stored by an earlier version, which used Twilio's ids only for people's messages.
 */
export function isFromPerson({ id, human }: Pick<Message, 'id' | 'human'>): boolean {
  return human ?? isMessageSid(id);
}

/** Whether a message asks Claude for something; commands and taps do not. */
export function isRequest({ text, choice, id, human }: Message): boolean {
  const isCommand = /^\s*\/[a-z][\w-]*(?:\s|$)/i.test(text);
  return (isFromPerson({ id, human }) && !choice && !isCommand) || isScheduledId(id);
}

/**
 * The state of a message; kept in the hash that also claims its id. `refused`: the sender was over
 * the rate limit, or new without a free home, and was asked to send it again. `forgotten`: nothing
 * else of it is kept.
 */
export type MessageState =
  'waiting' | 'working' | 'answered' | 'failed' | 'set aside' | 'refused' | 'forgotten';

/** A first word that is “/secret”, or may be meant so. */
const secretWord = /^[\s\p{Cf}\u{FE0F}]*\/(s\p{L}{3,9})(?!\p{L})/iu;
/** Letters of “secret” that every misspelling of it has. */
const secretLetters = [/[ck]/i, /r/i, /t/i];

/**
 * A message as it is kept for the owner's view. What follows “/secret” may be a value that somebody
 * has written into the chat all the same: it is not kept.
 */
export function asKept(message: Message): Message {
  const word = secretWord.exec(message.text)?.[1] ?? '';
  const isSecret = word !== '' && secretLetters.every((letter) => letter.test(word));
  return isSecret ? { ...message, text: '/secret …' } : message;
}
