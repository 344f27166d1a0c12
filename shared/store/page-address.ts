import { createHmac } from 'node:crypto';
import { isSameSecret } from '../runtime/constant-time.ts';

/**
 * The content of a page's address: the page, and when the address expires (ms since 1970, whole
 * seconds).
 */
export type PageAddress = { id: string; expires: number };

const idBytes = 16;
const expiryBytes = 4;
/**
 * The whole is not a multiple of three bytes: then the last sign of a token is a letter or a digit,
 * which phones keep in a link. Links of an earlier version have 16.
 */
const signatureBytes = 17;

/**
 * The id of an answer's page: 128 bits that cannot be guessed without the secret, and stable for
 * the same answer.
 */
export function pageId(secret: Buffer, answer: string): string {
  return createHmac('sha256', secret)
    .update(`page of ${answer}`)
    .digest()
    .subarray(0, idBytes)
    .toString('hex');
}

/** Encodes an address as one signed token of 50 characters, which need no escaping in a URL. */
export function signPageAddress(secret: Buffer, { id, expires }: PageAddress): string {
  const body = Buffer.alloc(idBytes + expiryBytes);
  body.write(id, 'hex');
  body.writeUInt32BE(Math.floor(expires / 1000), idBytes);
  return Buffer.concat([body, signatureOf(secret, body, signatureBytes)]).toString('base64url');
}

/**
 * Reads a token; undefined if it is malformed, tampered with, or expired at `now` (ms since 1970).
 */
export function readPageAddress(
  secret: Buffer,
  token: string,
  now: number,
): PageAddress | undefined {
  if (!isPageToken(token)) return undefined;
  const bytes = Buffer.from(token, 'base64url');
  const body = bytes.subarray(0, idBytes + expiryBytes);
  const signature = bytes.subarray(body.length);
  if (!isSameSecret(signature, signatureOf(secret, body, signature.length))) return undefined;
  const expires = body.readUInt32BE(idBytes) * 1000;
  return expires > now ? { id: body.toString('hex', 0, idBytes), expires } : undefined;
}

/** Whether a text has the form of a token; other texts need no query to Redis. */
export function isPageToken(text: string): boolean {
  return /^[\w-]{50}$|^[\w-]{48}$/.test(text);
}

function signatureOf(secret: Buffer, body: Buffer, bytes: number): Buffer {
  return createHmac('sha256', secret).update(body).digest().subarray(0, bytes);
}
