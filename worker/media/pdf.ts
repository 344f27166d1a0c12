import { constants, inflateSync } from 'node:zlib';

/** The most that is unpacked of one PDF to count its pages (bytes). */
const mostUnpacked = 64 * 1024 * 1024;

/**
 * What a PDF tells of itself. `whole` when it has a beginning and an end; `locked` when it wants a
 * password or restricts what may be done with it; `pages` is undefined when they cannot be counted.
 */
export type PdfFacts = { whole: boolean; locked: boolean; pages: number | undefined };

/**
 * Looks at a PDF without reading it (ISO 32000-1: 7.5 file structure, 7.5.7 object streams). A page
 * is an object of type `Page`, in the open or packed in an object stream. Of a file that was
 * changed by appending to it, older versions of a page may be counted, too.
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

/** Counting ends here: a file of 16 MB can name more than a million. */
const mostCounted = 10_000;

function countPages(text: string): number {
  let pages = 0;
  for (const _ of text.matchAll(/\/Type\s*\/Page(?![A-Za-z])/g))
    if ((pages += 1) >= mostCounted) break;
  return pages;
}

/** How far from its name an object stream's data may begin (bytes). */
const longestHead = 300;
/**
 * Of more object streams than this no more are unpacked: 100 pages, the most that are asked for,
 * fit into one.
 */
const mostStreams = 2000;

/**
 * The texts of the object streams; one that is broken is left out. It goes through the file once:
 * each stream is looked for after the end of the one before, and is read no further than its own
 * end.
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

/**
 * A broken stream may have unpacked to much before it broke: it counts as so many times its size.
 */
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
