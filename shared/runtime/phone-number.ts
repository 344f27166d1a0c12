import { z } from 'zod';

/**
 * A phone number as E.164: a plus and 7 to 15 digits (ITU-T E.164). Twilio writes WhatsApp's as
 * `whatsapp:+…`.
 */
export const e164 = /^\+[1-9]\d{6,14}$/;

export const PhoneNumber = z
  .string()
  .trim()
  .transform((value) => value.replace(/^whatsapp:/, ''))
  .refine((value) => e164.test(value), 'must be a phone number such as +15551234567');
export type PhoneNumber = z.infer<typeof PhoneNumber>;

/**
 * The number as it may appear in logs: country and the last two digits. `+15551230001` becomes
 * `+1…01`.
 */
export function maskNumber(number: string): string {
  const digits = number.replace(/^whatsapp:/, '');
  return digits.length < 6 ? '…' : `${digits.slice(0, 2)}…${digits.slice(-2)}`;
}
