import { crc32, deflateSync } from 'node:zlib';

/** A file that once held the worker up, or something like it. */
export type HostileFile = { what: string; name: string; type: string; bytes: () => Buffer };

const vcard = (line: string): Buffer =>
  Buffer.from(`BEGIN:VCARD\nVERSION:3.0\nFN:Ada\n${line}\nEND:VCARD\n`);
const times = (part: string, bytes: number): string => part.repeat(Math.ceil(bytes / part.length));

/** A turbulence over 16 million pixels, blurred many times: some 500 bytes, and minutes of work. */
export const endlessDrawing = Buffer.from(
  `<svg xmlns="http://www.w3.org/2000/svg" width="4000" height="4000"><filter id="f" x="0" y="0" width="1" height="1">` +
    `<feTurbulence baseFrequency="0.9" numOctaves="99999"/>${'<feGaussianBlur stdDeviation="99"/>'.repeat(8)}</filter>` +
    `<rect width="4000" height="4000" filter="url(#f)"/></svg>`,
);

/**
 * What a reader that is to give such a drawing up may use of the processor (s): other than a time,
 * it is not used up by what else the machine does.
 */
export const drawingSeconds = 4;

/**
 * A black PNG of so many pixels a side, whose rows are told in seven passes: it is small, and is
 * unpacked as a whole.
 */
export function interlacedPng(side: number): Buffer {
  // First column and row of each pass, and how far to the next (www.w3.org/TR/png: 8.2).
  const passes = [
    [0, 0, 8, 8],
    [4, 0, 8, 8],
    [0, 4, 4, 8],
    [2, 0, 4, 4],
    [0, 2, 2, 4],
    [1, 0, 2, 2],
    [0, 1, 1, 2],
  ] as const;
  const count = (from: number, step: number): number => Math.ceil((side - from) / step);
  const size = passes.reduce((sum, [x, y, dx, dy]) => sum + count(y, dy) * (1 + count(x, dx)), 0);
  const head = Buffer.alloc(13);
  head.writeUInt32BE(side, 0);
  head.writeUInt32BE(side, 4);
  // Eight bits of grey, interlaced.
  head.set([8, 0, 0, 0, 1], 8);
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    pngChunk('IHDR', head),
    pngChunk('IDAT', deflateSync(Buffer.alloc(size), { level: 1 })),
    pngChunk('IEND', Buffer.alloc(0)),
  ]);
}

function pngChunk(name: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(name, 'latin1'), data]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.byteLength);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}

/** Files that can be read in no time or not at all, but never for long. */
export const hostileFiles: HostileFile[] = [
  {
    what: 'comments without a drawing after them',
    name: 'notes.txt',
    type: 'text/plain',
    bytes: () => Buffer.from(`${'<!---->'.repeat(60)}x`),
  },
  {
    what: 'a drawing that takes for ever',
    name: 'drawing.svg',
    type: 'image/svg+xml',
    bytes: () => endlessDrawing,
  },
  {
    what: 'a card with one number of many kinds',
    name: 'one.vcf',
    type: 'text/vcard',
    bytes: () => vcard(`TEL${times(';TYPE=a', 150_000)}:1`),
  },
  {
    what: 'a card with very many numbers',
    name: 'many.vcf',
    type: 'text/vcard',
    bytes: () => vcard(times('TEL:1\n', 150_000)),
  },
  {
    what: 'a card of folded lines',
    name: 'folded.vcf',
    type: 'text/vcard',
    bytes: () => vcard(`N;ENCODING=QUOTED-PRINTABLE:${times('=\n', 1_000_000)}`),
  },
  {
    what: 'object streams without an end',
    name: 'streams.pdf',
    type: 'application/pdf',
    bytes: () => Buffer.from(`%PDF-1.7\n${times('/ObjStm stream\n', 16_000_000)}`),
  },
  {
    what: 'names of object streams',
    name: 'names.pdf',
    type: 'application/pdf',
    bytes: () => Buffer.from(`%PDF-1.7\n${times('/ObjStm ', 8_000_000)}startxref\n9\n%%EOF`),
  },
  {
    what: 'a small file of very many pixels',
    name: 'interlaced.png',
    type: 'image/png',
    bytes: () => interlacedPng(9990),
  },
];
