import { createHmac, timingSafeEqual } from 'node:crypto';

/**
 * What a page's address says: which page, and until when the address works (ms since 1970, whole
 * seconds).
 */
export type PageAddress = { id: string; expires: number };

const idBytes = 16;
const expiryBytes = 4;
const signatureBytes = 16;

/**
 * The id of the page of an answer: 128 bits that nobody guesses without the secret, and the same
 * each time the same answer is written.
 */
export function pageId(secret: Buffer, answer: string): string {
  return createHmac('sha256', secret)
    .update(`page of ${answer}`)
    .digest()
    .subarray(0, idBytes)
    .toString('hex');
}

/** Writes an address as one signed token of 48 characters, which need no escaping in a URL. */
export function signPageAddress(secret: Buffer, { id, expires }: PageAddress): string {
  const body = Buffer.alloc(idBytes + expiryBytes);
  body.write(id, 'hex');
  body.writeUInt32BE(Math.floor(expires / 1000), idBytes);
  return Buffer.concat([body, signatureOf(secret, body)]).toString('base64url');
}

/**
 * Reads a token; undefined when it is none, when a bit of it was changed, or when it has expired at
 * `now` (ms since 1970).
 */
export function readPageAddress(
  secret: Buffer,
  token: string,
  now: number,
): PageAddress | undefined {
  if (!isPageToken(token)) return undefined;
  const bytes = Buffer.from(token, 'base64url');
  const body = bytes.subarray(0, idBytes + expiryBytes);
  if (!timingSafeEqual(bytes.subarray(body.length), signatureOf(secret, body))) return undefined;
  const expires = body.readUInt32BE(idBytes) * 1000;
  return expires > now ? { id: body.toString('hex', 0, idBytes), expires } : undefined;
}

/** Whether a text has the form of a token, so that anything else costs no look at Redis. */
export function isPageToken(text: string): boolean {
  return /^[\w-]{48}$/.test(text);
}

function signatureOf(secret: Buffer, body: Buffer): Buffer {
  return createHmac('sha256', secret).update(body).digest().subarray(0, signatureBytes);
}
