import { createHmac, randomBytes } from 'node:crypto';

/**
 * The public address of the measured relays, and the account whose messages they accept. All of it
 * is invented.
 */
export const twilioSide = {
  publicUrl: 'https://relay.example.com',
  accountSid: `AC${'7'.repeat(32)}`,
  authToken: 'token-of-the-bench',
  number: '+15550100000',
} as const;

/** How many phones write in turn. */
const phoneCount = 100;

/** The number of a phone (E.164), of ten thousand. */
export const phoneAt = (index: number): string => `+1555123${String(index).padStart(4, '0')}`;

/** The phones that write unless others are asked for, as E.164. */
export const phones: readonly string[] = Array.from({ length: phoneCount }, (_, index) =>
  phoneAt(index),
);

/** Which phones write in turn: `count` of them, each `apart` behind the one before. */
export type Writers = { count: number; apart: number };

const usualWriters: Writers = { count: phoneCount, apart: 1 };

/**
 * `right`: as Twilio signs. `wrong`: a well-formed signature made without the token. `none`: no
 * signature at all.
 */
export type Signing = 'right' | 'wrong' | 'none';

/**
 * The number of wrong requests from one address: fewer than a relay accepts before it blocks the
 * address.
 */
const wrongPerAddress = 40;

/**
 * Webhook requests as bytes for the wire, each with a unique id, from the phones in turn.
 * `addresses` `one`: all come from the same client; `many`: the client changes before it has sent
 * enough to be blocked, and no client repeats.
 */
export function makeRequests(
  count: number,
  signing: Signing,
  addresses: 'one' | 'many',
  writers: Writers = usualWriters,
): Buffer[] {
  const first = addressesUsed;
  if (addresses === 'many') addressesUsed += Math.ceil(count / wrongPerAddress);
  return Array.from({ length: count }, (_, index) =>
    makeRequest(
      { index, phone: phoneAt((index % writers.count) * writers.apart) },
      signing,
      addresses === 'one' ? 0 : first + Math.floor(index / wrongPerAddress),
    ),
  );
}

let addressesUsed = 1;

function makeRequest(
  { index, phone }: { index: number; phone: string },
  signing: Signing,
  address: number,
): Buffer {
  const form = messageForm(phone, index);
  const body = new URLSearchParams(form).toString();
  const token = signing === 'right' ? twilioSide.authToken : 'another token';
  const lines = [
    'POST /webhook HTTP/1.1',
    'Host: relay.example.com',
    'User-Agent: TwilioProxy/1.1',
    'Accept: */*',
    `X-Forwarded-For: ${clientAddress(address)}`,
    'X-Forwarded-Proto: https',
    'Content-Type: application/x-www-form-urlencoded; charset=UTF-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    `I-Twilio-Idempotency-Token: ${randomBytes(16).toString('hex')}`,
    ...(signing === 'none'
      ? []
      : [`X-Twilio-Signature: ${sign(`${twilioSide.publicUrl}/webhook`, form, token)}`]),
  ];
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body}`);
}

const clientAddress = (number: number): string =>
  `10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}`;

/** What Twilio posts for a text on WhatsApp (twilio.com/docs/messaging/guides/webhook-request). */
export function messageForm(phone: string, index: number): Record<string, string> {
  const sid = `SM${randomBytes(16).toString('hex')}`;
  const waId = phone.slice(1);
  return {
    SmsMessageSid: sid,
    NumMedia: '0',
    ProfileName: 'Test User',
    MessageType: 'text',
    SmsSid: sid,
    WaId: waId,
    SmsStatus: 'received',
    Body: `The login page is broken on mobile, look at it & tell me what you find (${index})`,
    To: `whatsapp:${twilioSide.number}`,
    NumSegments: '1',
    ReferralNumMedia: '0',
    MessageSid: sid,
    AccountSid: twilioSide.accountSid,
    ChannelMetadata: JSON.stringify({
      type: 'whatsapp',
      data: { context: { ProfileName: 'Test User', WaId: waId } },
    }),
    From: `whatsapp:${phone}`,
    ApiVersion: '2010-04-01',
  };
}

/** Twilio's signature (twilio.com/docs/usage/security). */
export function sign(url: string, form: Record<string, string>, token: string): string {
  const text = Object.keys(form)
    .sort()
    .reduce((all, name) => all + name + (form[name] ?? ''), url);
  return createHmac('sha1', token).update(text).digest('base64');
}
