import { leastSecret, mostSecretBytes } from '../../shared/store/links/secret-link.ts';

/** Why a value is not taken. */
export type ValueFault = 'short' | 'long' | 'odd';

/**
 * Reads a secret as it was entered: text without the blanks and line ends around it, which come
 * with copying. A variable cannot hold a NUL.
 */
export function readSecretValue(
  bytes: Uint8Array,
): { value: string; fault?: undefined } | { value?: undefined; fault: ValueFault } {
  if (bytes.length > mostSecretBytes) return { fault: 'long' };
  let value: string;
  try {
    value = new TextDecoder('utf-8', { fatal: true }).decode(bytes).trim();
  } catch {
    return { fault: 'odd' };
  }
  if (value.includes('\0')) return { fault: 'odd' };
  return value.length < leastSecret ? { fault: 'short' } : { value };
}
