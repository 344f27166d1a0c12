import { e164Pattern, userIdPattern, type Account } from './account.ts';
import { parseConnectionOverride } from './connection-override.ts';
import { Refusal } from './error-codes.ts';

/** A parsed form: a repeated name gives an array. */
export type Form = Record<string, string | string[]>;

/**
 * A message the product may send. Exactly one of text with at most one media, or content, is what
 * it carries.
 */
export type MessageRequest = {
  /** The address that it goes to: a number (E.164) or a user id. */
  to: string;
  body: string;
  mediaUrl: string | undefined;
  contentSid: string | undefined;
  contentVariables: Record<string, string>;
  statusCallback: string | undefined;
};

/**
 * The longest text of a message (error 21617), counted in UTF-16 code units, the strictest reading
 * of "characters".
 */
const maxBody = 1600;

/** @returns the body of a request as a form; anything that is not one counts as empty. */
export function readForm(body: unknown): Form {
  if (typeof body !== 'object' || body === null) return {};
  const form: Form = {};
  for (const [name, value] of Object.entries(body)) {
    if (typeof value === 'string') form[name] = value;
    else if (Array.isArray(value)) form[name] = value.filter((item) => typeof item === 'string');
  }
  return form;
}

/** @returns each name with its value, the first one when it is repeated. */
export function readParams(form: Form): Record<string, string> {
  const pairs = Object.entries(form).map(([name, value]) => [
    name,
    Array.isArray(value) ? (value[0] ?? '') : value,
  ]);
  return Object.fromEntries(pairs);
}

/**
 * Checks the form of POST Messages as Twilio does for a WhatsApp sender.
 * WhatsApp takes one media a message: further MediaUrl are dropped, as Twilio does.
 * @throws Refusal with Twilio's code for the first thing that is wrong.
 */
export function parseMessageRequest(form: Form, account: Account): MessageRequest {
  const params = readParams(form);
  const to = parseAddresses(params, account);
  const body = params['Body'] ?? '';
  const mediaUrls = [form['MediaUrl'] ?? []].flat().filter((address) => address !== '');
  const contentSid = params['ContentSid'];
  checkContent(params, mediaUrls, contentSid);
  return {
    to,
    body,
    mediaUrl: parseMediaUrls(mediaUrls),
    contentSid,
    contentVariables: parseContentVariables(params['ContentVariables']),
    statusCallback: parseStatusCallback(params['StatusCallback']),
  };
}

function parseAddresses(params: Record<string, string>, account: Account): string {
  const { To: to = '', From: from = '', MessagingServiceSid: service } = params;
  if (to === '') throw new Refusal(21604);
  if (from === '' && service !== undefined) throw new Refusal(21701, service);
  if (from === '') throw new Refusal(21603);
  const toWhatsapp = /^whatsapp:/i.test(to);
  const plain = to.replace(/^whatsapp:/i, '');
  // A user id is an address of WhatsApp alone.
  if (!e164Pattern.test(plain) && !(toWhatsapp && userIdPattern.test(plain)))
    throw new Refusal(21211, to);
  if (toWhatsapp !== /^whatsapp:/i.test(from)) throw new Refusal(21910, `From ${from}, To ${to}`);
  if (!toWhatsapp || from.slice('whatsapp:'.length) !== account.number)
    throw new Refusal(63007, from);
  return plain;
}

function checkContent(
  params: Record<string, string>,
  mediaUrls: string[],
  contentSid: string | undefined,
): void {
  const body = params['Body'];
  if (contentSid !== undefined && !/^HX[0-9a-fA-F]{32}$/.test(contentSid))
    throw new Refusal(21655, contentSid);
  if (contentSid !== undefined && (body !== undefined || mediaUrls.length > 0)) {
    throw new Refusal(20001, 'ContentSid cannot be combined with Body or MediaUrl');
  }
  if (contentSid === undefined && mediaUrls.length === 0) {
    if (body === undefined) throw new Refusal(21619);
    if (body.trim() === '') throw new Refusal(21602);
  }
  if (body !== undefined && body.length > maxBody)
    throw new Refusal(21617, `${body.length} characters`);
  const validity = params['ValidityPeriod'];
  if (
    validity !== undefined &&
    !(/^\d{1,5}$/.test(validity) && Number(validity) >= 1 && Number(validity) <= 36_000)
  ) {
    throw new Refusal(20001, `ValidityPeriod must be from 1 to 36000 seconds, not "${validity}"`);
  }
}

function parseMediaUrls(addresses: string[]): string | undefined {
  if (addresses.length > 10) throw new Refusal(21623, `${addresses.length} given`);
  for (const address of addresses) {
    if (!URL.canParse(address) || !/^https?:$/.test(new URL(address).protocol))
      throw new Refusal(21620, address);
  }
  return addresses[0];
}

function parseContentVariables(json: string | undefined): Record<string, string> {
  if (json === undefined || json === '') return {};
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch {
    throw new Refusal(21656, 'not JSON');
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw new Refusal(21656, 'not a JSON object');
  const variables: Record<string, string> = {};
  for (const [name, value] of Object.entries(parsed)) {
    if (typeof value !== 'string' || value === '')
      throw new Refusal(21656, `"${name}" must be a non-empty string`);
    variables[name] = value;
  }
  return variables;
}

function parseStatusCallback(address: string | undefined): string | undefined {
  if (address === undefined || address === '') return undefined;
  try {
    parseConnectionOverride(address);
  } catch (error) {
    throw new Refusal(21609, error instanceof Error ? error.message : address);
  }
  return address;
}
