import { timingSafeEqual } from 'node:crypto';

/** Compares a secret in a time that depends on its length alone, not on where the two differ. */
export function isSameSecret(given: Buffer, expected: Buffer): boolean {
  return given.length === expected.length && timingSafeEqual(given, expected);
}
