import { z } from 'zod';

/**
 * The detail of a link for a secret: whose chat is notified, and the home's public key (base64url).
 */
export const SecretDetail = z.object({ conversation: z.string(), key: z.string() });
export type SecretDetail = z.infer<typeof SecretDetail>;

/** The least characters of a secret: a shorter one looks like an ordinary word. */
export const leastSecret = 6;

/** The most bytes of a secret (UTF-8). */
export const mostSecretBytes = 8 * 1024;

/** What sealing adds (bytes): the sender's public key and the authenticator. */
const sealBytes = 32 + 16;

/** Whether a text has the form and the size of a sealed secret (base64url). */
export function isSealedBox(text: string): boolean {
  const bytes = Math.floor((text.length * 3) / 4);
  return /^[\w-]+$/.test(text) && bytes > sealBytes && bytes <= sealBytes + mostSecretBytes;
}
