import { z } from 'zod';
import { e164, maskNumber } from './phone-number.ts';

/**
 * WhatsApp's business-scoped user id, which replaces the number of a person with a user name: ISO
 * country, a dot and up to 128 letters and digits, with `ENT.` between them if several businesses
 * share it (developers.facebook.com, "Business-scoped user IDs"), such as
 * `US.13491208655302741918`.
 */
const userId = /^[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}$/;

/** Twilio's prefix of WhatsApp addresses. */
const channelPrefix = 'whatsapp:';

/**
 * A person's WhatsApp address: a phone number (E.164) or a business-scoped user id. It also names
 * the person's conversation. Accepts Twilio's `whatsapp:` prefix and strips it.
 */
export const PersonAddress = z
  .string()
  .trim()
  .transform((value) =>
    value.startsWith(channelPrefix) ? value.slice(channelPrefix.length) : value,
  )
  .refine(
    (value) => e164.test(value) || userId.test(value),
    'must be a phone number such as +15551234567 or a WhatsApp user id such as US.13491208655302741918',
  );
export type PersonAddress = z.infer<typeof PersonAddress>;

/** Whether an address is a phone number rather than a user id. */
export function isPhoneNumber(address: string): boolean {
  return e164.test(address);
}

/** Whether Twilio's address has the WhatsApp prefix, whatever follows it. */
export function isOnWhatsapp(address: string): boolean {
  return address.startsWith(channelPrefix);
}

/**
 * The person behind an address exactly as Twilio's webhooks write it; undefined when it is not a
 * WhatsApp address.
 */
export function parseWhatsappAddress(address: string): PersonAddress | undefined {
  const rest = address.slice(channelPrefix.length);
  return isOnWhatsapp(address) && (e164.test(rest) || userId.test(rest)) ? rest : undefined;
}

/** An address in Twilio's form. `address` has no prefix. */
export function whatsappAddress(address: string): string {
  return channelPrefix + address;
}

/**
 * The address as it may appear in logs: `+15551230001` becomes `+1…01`, `US.13491208655302741918`
 * becomes `US.…18`.
 */
export function maskAddress(address: string): string {
  const plain = address.startsWith(channelPrefix) ? address.slice(channelPrefix.length) : address;
  return /^[A-Z]{2}\./.test(plain) ? `${plain.slice(0, 3)}…${plain.slice(-2)}` : maskNumber(plain);
}
