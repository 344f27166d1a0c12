import { randomBytes } from 'node:crypto';

/**
 * The two letters before a Twilio identifier: message, message with media, media, content, sender,
 * phone number.
 */
export type SidPrefix = 'SM' | 'MM' | 'ME' | 'HX' | 'XE' | 'PN';

/** @returns a new Twilio identifier: the prefix and 32 hexadecimal digits. */
export function createSid(prefix: SidPrefix): string {
  return prefix + randomBytes(16).toString('hex');
}
