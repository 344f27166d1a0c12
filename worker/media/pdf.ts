import { constants, inflateSync } from 'node:zlib';

/** The most that is unpacked of one PDF to count its pages (bytes). */
const mostUnpacked = 64 * 1024 * 1024;

/**
 * What a PDF tells of itself. `whole` when it has a beginning and an end; `locked` when it wants a password or restricts what may be done with it; `pages` is
 * undefined when they cannot be counted.
 */
export type PdfFacts = { whole: boolean; locked: boolean; pages: number | undefined };

/**
 * Looks at a PDF without reading it (ISO 32000-1: 7.5 file structure, 7.5.7 object streams). A page is an object of type `Page`, in the open or packed
 * in an object stream. Of a file that was changed by appending to it, older versions of a page may be counted, too.
 */
export function inspectPdf(bytes: Buffer): PdfFacts {
  const text = bytes.toString('latin1');
  const pages = countPages(text) + unpackObjects(bytes, text).reduce((sum, objects) => sum + countPages(objects), 0);
  return { whole: text.startsWith('%PDF-') && text.slice(-4096).includes('startxref'), locked: /\/Encrypt\s*(?:\d|<<)/.test(text), pages: pages > 0 ? pages : undefined };
}

function countPages(text: string): number {
  return text.match(/\/Type\s*\/Page(?![A-Za-z])/g)?.length ?? 0;
}

/** The texts of the object streams; one that is broken is left out. */
function unpackObjects(bytes: Buffer, text: string): string[] {
  const unpacked: string[] = [];
  let left = mostUnpacked;
  for (const match of text.matchAll(/\/ObjStm\b[^]{0,300}?\bstream\r?\n/g)) {
    try {
      const objects = inflateSync(bytes.subarray(match.index + match[0].length), { maxOutputLength: Math.max(left, 1), finishFlush: constants.Z_SYNC_FLUSH });
      left -= objects.byteLength;
      unpacked.push(objects.toString('latin1'));
    } catch {
      continue;
    }
  }
  return unpacked;
}
