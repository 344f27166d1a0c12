import type { ChatChoice, ChatMessage, ChatStatus, PhoneInput } from '../chat.ts';
import { failureText } from './failures.ts';

/**
 * A picture or file of a message, with its bytes. `deleted` says that Twilio's copy is gone; the
 * phone keeps its own.
 */
export type StoredMedia = {
  sid: string;
  type: string;
  name: string;
  bytes: Buffer;
  createdAt: Date;
  deleted: boolean;
};

/**
 * The complete record of one message. Both Twilio's resource and the phone's bubble are made from
 * it.
 */
export type MessageRecord = {
  sid: string;
  accountSid: string;
  direction: 'inbound' | 'outbound-api' | 'outbound-reply';
  /** Twilio addresses, such as `whatsapp:+15551230001`. */
  from: string;
  to: string;
  /** The person's phone: its number (E.164), or its user id when it has no number. */
  phone: string;
  body: string;
  /** How many media the resource counts; the bytes of outbound media come later than the record. */
  numMedia: number;
  media: StoredMedia[];
  buttons: ChatChoice[];
  list: { button: string; items: ChatChoice[] } | undefined;
  location: PhoneInput['location'] | undefined;
  quoted: string | undefined;
  status: ChatStatus;
  errorCode: number | undefined;
  /**
   * Whether the phone shows it, and whether its reader has seen it (inbound: the product sent a
   * typing indicator).
   */
  shown: boolean;
  /** Whether Twilio's copy is deleted; the phone keeps its own. */
  deleted: boolean;
  seen: boolean;
  createdAt: Date;
  updatedAt: Date;
  sentAt: Date | undefined;
  /** The address for status callbacks, with the URL's fragment; undefined for none. */
  statusCallback: string | undefined;
};

/** Twilio's JSON of a message (https://www.twilio.com/docs/messaging/api/message-resource). */
export type MessageResource = {
  account_sid: string;
  api_version: '2010-04-01';
  body: string;
  date_created: string;
  date_sent: string | null;
  date_updated: string;
  direction: string;
  error_code: number | null;
  error_message: string | null;
  from: string;
  messaging_service_sid: null;
  num_media: string;
  num_segments: '1';
  price: null;
  price_unit: null;
  sid: string;
  status: string;
  subresource_uris: { media: string };
  to: string;
  uri: string;
};

/** Twilio's dates in the 2010 API: RFC 2822 in GMT, to the second. */
export function formatRfc2822(date: Date): string {
  return date.toUTCString().replace('GMT', '+0000');
}

/** @returns the message as the REST API shows it now. */
export function formatResource(record: MessageRecord): MessageResource {
  const uri = `/2010-04-01/Accounts/${record.accountSid}/Messages/${record.sid}`;
  return {
    account_sid: record.accountSid,
    api_version: '2010-04-01',
    body: record.body,
    date_created: formatRfc2822(record.createdAt),
    date_sent: record.sentAt ? formatRfc2822(record.sentAt) : null,
    date_updated: formatRfc2822(record.updatedAt),
    direction: record.direction,
    error_code: record.errorCode ?? null,
    error_message: record.errorCode === undefined ? null : failureText(record.errorCode),
    from: record.from,
    messaging_service_sid: null,
    num_media: String(record.numMedia),
    num_segments: '1',
    price: null,
    price_unit: null,
    sid: record.sid,
    status: record.status,
    subresource_uris: { media: `${uri}/Media.json` },
    to: record.to,
    uri: `${uri}.json`,
  };
}

/**
 * @param site the twin's own address, for links to media. @returns the message as the phone shows
 * it now.
 */
export function formatChatMessage(record: MessageRecord, site: string): ChatMessage {
  const inbound = record.direction === 'inbound';
  return {
    sid: record.sid,
    phone: record.phone,
    direction: inbound ? 'inbound' : 'outbound',
    text: carriesText(record) ? record.body : '',
    media: record.media.map(({ type, name, bytes }, index) => {
      return { url: `${site}/phone-media/${record.sid}/${index}`, type, name, size: bytes.length };
    }),
    buttons: record.buttons,
    list: record.list,
    quoted: record.quoted,
    ...(record.location ? { location: record.location } : {}),
    status: inbound && record.seen ? 'read' : record.status,
    errorCode: record.errorCode,
    at: record.createdAt.toISOString(),
  };
}

/**
 * An outbound document, video or voice note arrives without the text that was sent with it; a
 * picture keeps its own (https://www.twilio.com/docs/whatsapp/guidance-whatsapp-media-messages).
 */
function carriesText(record: MessageRecord): boolean {
  return (
    record.direction === 'inbound' || record.media.every(({ type }) => type.startsWith('image/'))
  );
}
