import { constants, inflateSync } from 'node:zlib';

/** Limit on the data unpacked from one PDF to count its pages (bytes). */
const mostUnpacked = 64 * 1024 * 1024;

/**
 * Facts about a PDF. `whole` when it has a beginning and an end; `locked` when it needs a password
 * or restricts its use; `pages` is undefined when they cannot be counted.
 */
export type PdfFacts = { whole: boolean; locked: boolean; pages: number | undefined };

/**
 * Inspects a PDF without parsing it (ISO 32000-1: 7.5 file structure, 7.5.7 object streams). A page
 * is an object of type `Page`, in plain text or packed in an object stream. In a file that was
 * changed by appending, older versions of a page may be counted, too.
 */
export function inspectPdf(bytes: Buffer): PdfFacts {
  const text = bytes.toString('latin1');
  const pages =
    countPages(text) +
    unpackObjects(bytes, text).reduce((sum, objects) => sum + countPages(objects), 0);
  return {
    whole: text.startsWith('%PDF-') && text.slice(-4096).includes('startxref'),
    locked: /\/Encrypt\s*(?:\d|<<)/.test(text),
    pages: pages > 0 ? pages : undefined,
  };
}

/** Counting stops here: a file of 16 MB can name more than a million. */
const mostCounted = 10_000;

function countPages(text: string): number {
  let pages = 0;
  for (const _ of text.matchAll(/\/Type\s*\/Page(?![A-Za-z])/g))
    if ((pages += 1) >= mostCounted) break;
  return pages;
}

/** How far behind its name an object stream's data may start (bytes). */
const longestHead = 300;
/** Limit on unpacked object streams: 100 pages, the most that matter, fit into one. */
const mostStreams = 2000;

/**
 * The texts of the object streams, without broken ones. Reads the file once: each stream is
 * searched for after the end of the previous one, and read no further than its own end.
 */
function unpackObjects(bytes: Buffer, text: string): string[] {
  const unpacked: string[] = [];
  let left = mostUnpacked;
  let start = 0;
  let end = 0;
  let at = text.indexOf('/ObjStm');
  for (
    let streams = 0;
    at >= 0 && streams < mostStreams && left > 0;
    at = text.indexOf('/ObjStm', Math.max(at + 1, end))
  ) {
    if (start < at) start = indexOrEnd(text, 'stream', at);
    const head = /^stream\r?\n/.exec(text.slice(start, start + 8))?.[0];
    if (start - at > longestHead || head === undefined) continue;
    streams += 1;
    end = indexOrEnd(text, 'endstream', start + head.length);
    const packed = bytes.subarray(start + head.length, end);
    const objects = inflate(packed, left);
    left -=
      objects === 'too large' ? left : (objects?.byteLength ?? packed.byteLength * costOfBroken);
    if (objects instanceof Buffer) unpacked.push(objects.toString('latin1'));
  }
  return unpacked;
}

/** A broken stream may have unpacked to much before it broke: its size is multiplied by this. */
const costOfBroken = 100;

function indexOrEnd(text: string, part: string, from: number): number {
  const at = text.indexOf(part, from);
  return at < 0 ? text.length : at;
}

/** Undefined when it is broken. */
function inflate(packed: Buffer, most: number): Buffer | 'too large' | undefined {
  try {
    return inflateSync(packed, { maxOutputLength: most, finishFlush: constants.Z_SYNC_FLUSH });
  } catch (error) {
    return error instanceof RangeError ? 'too large' : undefined;
  }
}
