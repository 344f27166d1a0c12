import type { ChatEvent, ChatMessage, PhoneInput } from '../chat.ts';
import { whatsappAddress, type Account } from './account.ts';
import type { Addresses, WritesAs } from './addresses.ts';
import type { Delivery } from './delivery.ts';
import { formatInbound } from './inbound-params.ts';
import type { MessageRecord, StoredMedia } from './message-record.ts';
import type { Messages } from './messages.ts';
import { maxMediaBytes } from './media-type.ts';
import type { Sandbox } from './sandbox.ts';
import type { SessionWindow } from './session-window.ts';
import { createSid } from './sid.ts';
import type { Webhooks } from './webhooks.ts';

/**
 * The people's side of the twin: the contents of their phones, and the actions on them. A phone is
 * identified by its number (E.164), or by its user id when it has no number.
 */
export type Chat = {
  /** The numbers that exist: those given at the start and those that wrote or were written to. */
  phones(): string[];
  /**
   * The messages that this phone shows, oldest first; with `underway` also those that are still on
   * their way to it, as `queued`.
   */
  messages(phone: string, underway?: boolean): ChatMessage[];
  message(sid: string): ChatMessage | undefined;
  /** @returns a function that ends the listening. A listener must not throw. */
  on(listener: (event: ChatEvent) => void): () => void;
  /**
   * A person sends something. Resolves when the product's webhook answered or Twilio gave up
   * (`status` 0 for no answer).
   * @throws RangeError with a sentence for a person when the input cannot be sent.
   */
  receive(phone: string, input: PhoneInput): Promise<{ sid: string; status: number }>;
  /** The person opens the chat and sees what was delivered. */
  markRead(phone: string): void;
  /**
   * Sets how the phone's messages name it from now on: by number, by default. @throws RangeError
   * for a phone without a number.
   */
  writeAs(phone: string, how: WritesAs): void;
  /** Lets the 24-hour window of this phone lapse; its next message opens it again. */
  closeWindow(phone: string): void;
};

type Parts = {
  account: Account;
  addresses: Addresses;
  messages: Messages;
  delivery: Delivery;
  webhooks: Webhooks;
  window: SessionWindow;
  sandbox: Sandbox;
  site: string;
};

/** @param known numbers that exist from the start. */
export function createChat(parts: Parts, known: readonly string[]): Chat {
  const { messages, delivery, window } = parts;
  return {
    phones: () => [...new Set([...known, ...messages.all().map(({ phone }) => phone)])],
    messages: (phone, underway) => messages.chat(phone, underway),
    message: (sid) => messages.chatMessage(sid),
    on: (listener) => messages.on(listener),
    receive: async (phone, input) => {
      const record = createInbound(parts, phone, input);
      return deliverInbound(parts, record, input.choice);
    },
    markRead: (phone) => delivery.markRead(phone),
    writeAs: (phone, how) => parts.addresses.writeAs(phone, how),
    closeWindow: (phone) => window.close(phone),
  };
}

async function deliverInbound(
  parts: Parts,
  record: MessageRecord,
  choice: PhoneInput['choice'],
): Promise<{ sid: string; status: number }> {
  const { addresses, messages, webhooks, window, sandbox, site } = parts;
  window.open(record.phone);
  messages.show(record);
  const notice = sandbox.intercept(record.phone, record.body);
  if (notice !== undefined) {
    // Twilio answers these itself; the notice is shown although a phone that has not joined
    // receives nothing else.
    messages.show(createReply(parts, record.phone, notice, 'delivered'));
    return { sid: record.sid, status: 0 };
  }
  const quotedFrom = record.quoted === undefined ? undefined : messages.find(record.quoted)?.from;
  const { status, replies } = await webhooks.deliver(
    formatInbound(record, addresses.sender(record.phone), { choice, quotedFrom, site }),
  );
  for (const text of replies) {
    parts.delivery.start(createReply(parts, record.phone, text, 'queued'), {
      mediaUrl: undefined,
      template: false,
      failure: undefined,
    });
  }
  return { sid: record.sid, status };
}

function createReply(
  { account, addresses, messages }: Parts,
  phone: string,
  text: string,
  status: 'queued' | 'delivered',
): MessageRecord {
  return messages.add({
    sid: createSid('SM'),
    accountSid: account.sid,
    direction: 'outbound-reply',
    from: whatsappAddress(account.number),
    to: whatsappAddress(addresses.sender(phone).from),
    phone,
    body: text,
    status,
  });
}

function createInbound(
  { account, addresses, messages }: Parts,
  phone: string,
  input: PhoneInput,
): MessageRecord {
  addresses.check(phone);
  checkInput(messages, phone, input);
  const media = input.media === undefined ? [] : [readMedia(input.media)];
  return messages.add({
    sid: createSid(media.length > 0 ? 'MM' : 'SM'),
    accountSid: account.sid,
    direction: 'inbound',
    from: whatsappAddress(addresses.sender(phone).from),
    to: whatsappAddress(account.number),
    phone,
    // A tap or a choice arrives with its title as text, and a place with no text at all.
    body: input.choice?.title ?? (input.location ? '' : (input.text ?? '')),
    status: 'received',
    numMedia: media.length,
    media,
    location: input.location,
    quoted: input.quoted,
    sentAt: new Date(),
  });
}

function checkInput(
  messages: Messages,
  phone: string,
  { text, media, location, quoted, choice }: PhoneInput,
): void {
  const parts = [media, location, choice].filter((part) => part !== undefined);
  if (parts.length > 1)
    throw new RangeError('Send a file, a place or a choice, not several at once.');
  if (parts.length === 0 && (text ?? '').trim() === '') {
    throw new RangeError('There is nothing to send: give a text, a file, a place or a choice.');
  }
  if (location && !(Math.abs(location.latitude) <= 90 && Math.abs(location.longitude) <= 180)) {
    throw new RangeError(
      'A place needs a latitude from -90 to 90 and a longitude from -180 to 180.',
    );
  }
  if (quoted === undefined) return;
  const original = messages.find(quoted);
  if (original?.phone !== phone)
    throw new RangeError(`This chat has no message ${quoted} to answer.`);
  const choices = choice?.kind === 'list' ? original.list?.items : original.buttons;
  if (choice && !choices?.some(({ id }) => id === choice.id)) {
    throw new RangeError(`The message ${quoted} offers no choice "${choice.title}".`);
  }
}

function readMedia({ name, type, base64 }: NonNullable<PhoneInput['media']>): StoredMedia {
  if (!/^[\w.+-]+\/[\w.+-]+(\s*;.*)?$/.test(type))
    throw new RangeError(`"${type}" is not a media type such as image/png.`);
  // No expression that keeps a way back for each of 20 million characters: V8 has no room for that.
  const padding = base64.indexOf('=');
  const isPadded = padding === -1 || (padding >= base64.length - 2 && base64.endsWith('='));
  if (base64 === '' || padding === 0 || !isPadded || /[^A-Za-z0-9+/=]/.test(base64))
    throw new RangeError(`The file ${name} is empty or is not base64.`);
  const bytes = Buffer.from(base64, 'base64');
  if (bytes.length > maxMediaBytes)
    throw new RangeError(`The file ${name} is larger than WhatsApp's 16 MB.`);
  // WhatsApp reports the plain type: a recording's "audio/ogg; codecs=opus" arrives as audio/ogg.
  const plain = type.split(';')[0]?.trim().toLowerCase() ?? type;
  return { sid: createSid('ME'), type: plain, name, bytes, createdAt: new Date(), deleted: false };
}
