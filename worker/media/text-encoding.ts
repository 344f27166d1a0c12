import { isUtf8 } from 'node:buffer';

/**
 * A text's encoding. `unknown` is a single-byte text whose non-ASCII letters cannot be identified.
 */
export type TextEncoding = 'utf-8' | 'utf-16le' | 'utf-16be' | 'windows-1252' | 'unknown';

/**
 * The largest share of non-ASCII letters in a Windows-1252 text: Vietnamese, which has the most
 * among its languages, has a quarter.
 */
const mostBeyondAscii = 0.3;

/**
 * Control characters that do not occur in texts, unlike tab, line feed, vertical tab, form feed,
 * carriage return and escape.
 */
const isControl = (unit: number): boolean =>
  (unit < 0x20 && !(unit >= 9 && unit <= 13) && unit !== 0x1b) || unit === 0x7f;
/** The bytes that Windows-1252 leaves undefined (encoding.spec.whatwg.org: index-windows-1252). */
const leftOut = new Set([0x81, 0x8d, 0x8f, 0x90, 0x9d]);

/**
 * Detects whether bytes are a text, and in which encoding; undefined if they are not. `claimed`
 * says whether the sender or the name declares a text: it decides where non-ASCII letters fit no
 * encoding. Linear in the number of bytes.
 */
export function textEncoding(bytes: Buffer, claimed: boolean): TextEncoding | undefined {
  const marked = markedUtf16(bytes);
  if (marked) return isUtf16(bytes.subarray(2), marked) ? marked : undefined;
  if (bytes.includes(0)) return unmarkedUtf16(bytes);
  if (isUtf8(bytes) || isDamagedUtf8(bytes)) return 'utf-8';
  return singleByte(bytes, claimed);
}

/** The text as UTF-8 without a byte order mark. `unknown` and `utf-8` are returned unchanged. */
export function toUtf8(bytes: Buffer, encoding: TextEncoding): Buffer {
  if (encoding === 'utf-8' || encoding === 'unknown') return bytes;
  return Buffer.from(new TextDecoder(encoding).decode(bytes), 'utf8');
}

/** Detects UTF-16 by its byte order mark. */
function markedUtf16(bytes: Buffer): 'utf-16le' | 'utf-16be' | undefined {
  if (bytes.byteLength < 2) return undefined;
  const mark = bytes.readUInt16BE(0);
  return mark === 0xfffe ? 'utf-16le' : mark === 0xfeff ? 'utf-16be' : undefined;
}

/**
 * Detects UTF-16 without a mark: ASCII blanks, digits and punctuation have a zero byte, whose side
 * gives the byte order.
 */
function unmarkedUtf16(bytes: Buffer): TextEncoding | undefined {
  if (bytes.byteLength % 2 !== 0) return undefined;
  let little = 0;
  let big = 0;
  for (let at = 0; at < bytes.byteLength; at += 2) {
    const [first = 0, second = 0] = [bytes[at], bytes[at + 1]];
    if (second === 0 && first >= 9 && first < 0x7f) little += 1;
    if (first === 0 && second >= 9 && second < 0x7f) big += 1;
  }
  // Even a text without ASCII letters has some line breaks or blanks.
  if (Math.max(little, big) * 100 < bytes.byteLength / 2) return undefined;
  const likely = little >= big ? 'utf-16le' : 'utf-16be';
  return isUtf16(bytes, likely) ? likely : undefined;
}

/**
 * Whether these bytes, after a mark, hold only text: no control characters, no unassigned code
 * points. The last unit may be truncated.
 */
function isUtf16(bytes: Buffer, encoding: 'utf-16le' | 'utf-16be'): boolean {
  const whole = bytes.subarray(0, bytes.byteLength - (bytes.byteLength % 2));
  const [low, high] = encoding === 'utf-16le' ? [0, 1] : [1, 0];
  for (let at = 0; at < whole.byteLength; at += 2)
    if (whole[at + high] === 0 && isControl(whole[at + low] ?? 0)) return false;
  try {
    return !/[\p{Cn}\p{Co}]/u.test(new TextDecoder(encoding, { fatal: true }).decode(whole));
  } catch {
    // Half of a surrogate pair.
    return false;
  }
}

/** Whether bytes are UTF-8 truncated within a letter, or with a few invalid bytes. */
function isDamagedUtf8(bytes: Buffer): boolean {
  if (bytes.some(isControl)) return false;
  let [whole, broken] = [0, 0];
  for (const letter of bytes.toString('utf8')) {
    if (letter === '\uFFFD') broken += 1;
    else if (letter > '\x7f') whole += 1;
  }
  return whole > broken * 2;
}

function singleByte(bytes: Buffer, claimed: boolean): TextEncoding | undefined {
  let beyond = 0;
  let fits = true;
  for (const byte of bytes) {
    if (isControl(byte)) return undefined;
    if (byte >= 0x80) beyond += 1;
    if (leftOut.has(byte)) fits = false;
  }
  if (fits && beyond <= bytes.byteLength * mostBeyondAscii) return 'windows-1252';
  return claimed ? 'unknown' : undefined;
}
