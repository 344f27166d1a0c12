import { z } from 'zod';
import type { CarrierStatus } from '../store/boxes/ledger.ts';
import { isMessageSid } from '../store/message.ts';
import type { Message } from '../store/message.ts';
import { PersonAddress, isPhoneNumber, parseWhatsappAddress } from '../runtime/person-address.ts';
import { BadRequest } from './bad-request.ts';
import { onlyValue } from './parties.ts';
import type { Parties } from './parties.ts';

/** The maximum number of files accepted; Twilio sends at most 10 with a message. */
const mostMedia = 10;

/**
 * Parses the parameters of an incoming message (twilio.com/docs/messaging/guides/webhook-request).
 * Twilio adds parameters without notice, so unknown ones are ignored. Throws BadRequest 400 if it
 * has no id or no sender.
 */
export function parseMessage(form: URLSearchParams, now: Date): Message {
  const id = requireSid(form);
  const from = parseWhatsappAddress(onlyValue(form, 'From') ?? '');
  if (from === undefined)
    throw new BadRequest(400, 'no sender: From is neither a number nor a user id of WhatsApp');
  const location = parseLocation(form);
  const choice = parseChoice(form);
  const quoted = form.get('OriginalRepliedMessageSid');
  const profileName = form.get('ProfileName');
  return {
    id,
    conversation: from,
    at: now.toISOString(),
    text: form.get('Body') ?? '',
    media: parseMedia(form),
    human: true,
    ...(location ? { location } : {}),
    ...(choice ? { choice } : {}),
    ...(isMessageSid(quoted) ? { quoted } : {}),
    ...(profileName ? { profileName } : {}),
  };
}

/** The id of the message in a form. Throws BadRequest 400 without an id. */
export function requireSid(form: URLSearchParams): string {
  const id = onlyValue(form, 'MessageSid') ?? null;
  if (!isMessageSid(id)) throw new BadRequest(400, 'no MessageSid');
  return id;
}

/** The two sides of an incoming message. Throws BadRequest 400 without any sender. */
export function messageParties(form: URLSearchParams): Parties {
  if (!form.get('From')) throw new BadRequest(400, 'no sender');
  return {
    account: onlyValue(form, 'AccountSid'),
    ours: onlyValue(form, 'To'),
    theirs: onlyValue(form, 'From'),
  };
}

/** The two sides of an outgoing message in a status callback. */
export function statusParties(form: URLSearchParams): Parties {
  return {
    account: onlyValue(form, 'AccountSid'),
    ours: onlyValue(form, 'From'),
    theirs: onlyValue(form, 'To'),
  };
}

/**
 * All addresses of the sender in the form, the writing address first. Beside a number Twilio may
 * give the user id (`ExternalUserId`), beside a user id the number (`WaId`, without the plus).
 * Invalid values of these two are ignored.
 */
export function sendersAddresses(form: URLSearchParams, from: PersonAddress): PersonAddress[] {
  const userId = parseWhatsappAddress(onlyValue(form, 'ExternalUserId') ?? '');
  const number = `+${onlyValue(form, 'WaId') ?? ''}`;
  const others = [
    userId !== undefined && !isPhoneNumber(userId) ? userId : undefined,
    !isPhoneNumber(from) && isPhoneNumber(number) ? number : undefined,
  ];
  return [...new Set([from, ...others.filter((address) => address !== undefined)])];
}

function parseMedia(form: URLSearchParams): Message['media'] {
  const count = Math.min(Number(form.get('NumMedia')) || 0, mostMedia);
  return Array.from({ length: count }, (_, index) => ({
    url: form.get(`MediaUrl${index}`) ?? '',
    type: form.get(`MediaContentType${index}`) ?? 'application/octet-stream',
  })).filter((file) => URL.canParse(file.url));
}

function parseLocation(form: URLSearchParams): Message['location'] {
  const latitude = parseDegrees(form.get('Latitude'), 90);
  const longitude = parseDegrees(form.get('Longitude'), 180);
  if (latitude === undefined || longitude === undefined) return undefined;
  const [label, address] = [form.get('Label'), form.get('Address')];
  return {
    latitude,
    longitude,
    ...(label ? { label } : {}),
    ...(address ? { address } : {}),
  };
}

const decimal = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$/i;

/** Undefined unless it is a decimal number between `-most` and `most`. */
function parseDegrees(text: string | null, most: number): number | undefined {
  const degrees = decimal.test(text ?? '') ? Number(text) : Number.NaN;
  return Math.abs(degrees) <= most ? degrees : undefined;
}

function parseChoice(form: URLSearchParams): Message['choice'] {
  const id = form.get('ButtonPayload') || form.get('ListId');
  const title = form.get('ButtonText') || form.get('ListTitle') || form.get('Body') || '';
  return id ? { id, title } : undefined;
}

/**
 * A status callback. `reply`, its `conversation` and its `turn` come from the address that we sent
 * with the message.
 */
export type StatusReport = {
  reply: string;
  conversation: string;
  sid: string;
  status: CarrierStatus;
  code: number | undefined;
  turn?: string | undefined;
};

/** Twilio's states (twilio.com/docs/messaging/api/message-resource) and the ledger's. */
const carrierStatuses = new Map<string, CarrierStatus>([
  ['accepted', 'queued'],
  ['scheduled', 'queued'],
  ['queued', 'queued'],
  ['sending', 'queued'],
  ['sent', 'sent'],
  ['delivered', 'delivered'],
  ['read', 'read'],
  ['failed', 'failed'],
  ['undelivered', 'failed'],
  ['canceled', 'failed'],
]);

/**
 * Parses a status callback. Undefined if it is not about our messages, or its state is irrelevant
 * to the ledger. Throws BadRequest 400 without a MessageSid.
 */
export function parseStatus(
  form: URLSearchParams,
  query: URLSearchParams,
): StatusReport | undefined {
  const sid = requireSid(form);
  const reply = z.string().min(1).max(300).safeParse(query.get('reply'));
  const conversation = PersonAddress.safeParse(query.get('conversation'));
  const status = carrierStatuses.get(form.get('MessageStatus') ?? '');
  if (!reply.success || !conversation.success || !status) return undefined;
  const turn = z.string().min(1).max(300).safeParse(query.get('turn')).data;
  const code = Number(form.get('ErrorCode'));
  return {
    ...(turn === undefined ? {} : { turn }),
    reply: reply.data,
    conversation: conversation.data,
    sid,
    status,
    code: Number.isInteger(code) && code > 0 ? code : undefined,
  };
}
