import { textEncoding, toUtf8 } from './text-encoding.ts';
import { isTextType, office, toPlainType } from './type-names.ts';

const starts = (bytes: Buffer, text: string, at = 0): boolean =>
  bytes.subarray(at, at + text.length).toString('latin1') === text;

/** Magic numbers that identify a file's type, whatever its name is. */
const signatures: { type: string; matches: (bytes: Buffer) => boolean }[] = [
  { type: 'image/png', matches: (bytes) => starts(bytes, '\x89PNG\r\n\x1a\n') },
  { type: 'image/jpeg', matches: (bytes) => starts(bytes, '\xff\xd8\xff') },
  { type: 'image/webp', matches: (bytes) => starts(bytes, 'RIFF') && starts(bytes, 'WEBP', 8) },
  { type: 'image/gif', matches: (bytes) => starts(bytes, 'GIF8') },
  { type: 'image/tiff', matches: (bytes) => starts(bytes, 'II*\0') || starts(bytes, 'MM\0*') },
  // The second condition: the reserved fields of a bitmap's header are zero. A text may start with
  // “BM”, too.
  { type: 'image/bmp', matches: (bytes) => starts(bytes, 'BM') && starts(bytes, '\0\0\0\0', 6) },
  { type: 'application/pdf', matches: (bytes) => starts(bytes, '%PDF-') },
  { type: 'audio/ogg', matches: (bytes) => starts(bytes, 'OggS') },
  { type: 'audio/amr', matches: (bytes) => starts(bytes, '#!AMR') },
  { type: 'audio/wav', matches: (bytes) => starts(bytes, 'RIFF') && starts(bytes, 'WAVE', 8) },
  { type: 'audio/flac', matches: (bytes) => starts(bytes, 'fLaC') },
  { type: 'audio/mpeg', matches: (bytes) => starts(bytes, 'ID3') || isAudioFrame(bytes, 1) },
  { type: 'audio/aac', matches: (bytes) => isAudioFrame(bytes, 0) },
  { type: 'application/gzip', matches: (bytes) => starts(bytes, '\x1f\x8b') },
];

/**
 * Whether an MPEG audio frame starts here: eleven set bits, then two for the version and two for
 * the layer (1 is MP3; 0 is AAC's ADTS).
 */
function isAudioFrame(bytes: Buffer, layer: number): boolean {
  const second = bytes[1] ?? 0;
  return bytes[0] === 0xff && (second & 0xe0) === 0xe0 && ((second >> 1) & 3) === layer;
}

/** Office files are zip archives; the entry that identifies each kind. */
const officeParts = new Map([
  ['word/document.xml', `${office}wordprocessingml.document`],
  ['xl/workbook.xml', `${office}spreadsheetml.sheet`],
  ['ppt/presentation.xml', `${office}presentationml.presentation`],
]);
/** The older office files share one container, so their claimed type decides. */
const olderOffice = new Set([
  'application/msword',
  'application/vnd.ms-excel',
  'application/vnd.ms-powerpoint',
]);

/**
 * Detects a file's type (lower case, without parameters) from its bytes. `claimed` is the type
 * given by the sender or the name; it only decides between kinds that look the same from outside:
 * texts, sound and film in one container, the older office files. Unknown kinds are
 * `application/octet-stream`.
 */
export function fileType(bytes: Buffer, claimed: string): string {
  const claim = toPlainType(claimed);
  const known = signatures.find((signature) => signature.matches(bytes))?.type;
  if (known) return known;
  if (starts(bytes, 'ftyp', 4)) return containerType(brandsOf(bytes), claim);
  if (starts(bytes, '\x1a\x45\xdf\xa3')) return claim === 'audio/webm' ? claim : 'video/webm';
  if (starts(bytes, 'PK\x03\x04'))
    return [...officeParts].find(([part]) => bytes.includes(part))?.[1] ?? 'application/zip';
  if (starts(bytes, '\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1'))
    return olderOffice.has(claim) ? claim : 'application/x-ole-storage';
  const encoding = textEncoding(bytes, isTextType(claim));
  return encoding
    ? textType(toUtf8(bytes.subarray(0, longestProlog), encoding).toString('utf8'), claim)
    : 'application/octet-stream';
}

/**
 * The types of the ISO base media format (ISO 14496-12) by their brands: the first is the main one.
 */
function containerType(brands: string[], claim: string): string {
  const [main = ''] = brands;
  const sound = claim.startsWith('audio/');
  const isStill = stillBrands.has(main);
  if (/^avi[fs]$/.test(main) || (isStill && brands.some((brand) => /^avi[fs]$/.test(brand))))
    return 'image/avif';
  if (isStill || /^he(?:i[cxms]|v[cxms])$/.test(main)) return 'image/heic';
  if (/^M4[AB]/.test(main)) return 'audio/mp4';
  if (/^3g[p2]/.test(main)) return sound ? 'audio/3gpp' : 'video/3gpp';
  if (main.startsWith('qt')) return 'video/quicktime';
  return sound ? 'audio/mp4' : 'video/mp4';
}

/**
 * Brands of pictures in any codec (ISO 23008-12: 10.2); without an AV1 brand among the others the
 * codec is HEVC, which is HEIC.
 */
const stillBrands = new Set(['mif1', 'mif2', 'msf1', 'miaf', 'MiHE', 'MiHB']);

/**
 * The brands of the first box: the main one at 8, then from 16 to its end the compatible ones, of
 * which at most 64 are read.
 */
function brandsOf(bytes: Buffer): string[] {
  const end = Math.min(Math.max(bytes.readUInt32BE(0), 16), bytes.byteLength, 16 + 4 * 64);
  const offsets = [
    8,
    ...Array.from(
      { length: Math.max(0, Math.floor((end - 16) / 4)) },
      (_, index) => 16 + 4 * index,
    ),
  ];
  return offsets.map((offset) => bytes.subarray(offset, offset + 4).toString('latin1'));
}

/** How much of a text's start is searched (bytes): a drawing may have a licence before it. */
const longestProlog = 16 * 1024;

function textType(beginning: string, claim: string): string {
  const start = skipBlanks(beginning, 0);
  if (beginsDrawing(beginning, start)) return 'image/svg+xml';
  if (/^BEGIN:VCARD/i.test(beginning.slice(start, start + 11))) return 'text/vcard';
  return claim.startsWith('text/') || claim === 'application/json' ? claim : 'text/plain';
}

/** What may precede a drawing's root element, by opening and closing. */
const prologs = [
  ['<?xml', '>'],
  ['<!--', '-->'],
  ['<!DOCTYPE svg', '>'],
] as const;

/** Whether an SVG starts at `from`. Only moves forwards, so it runs in linear time. */
function beginsDrawing(text: string, from: number): boolean {
  for (let at = from; ;) {
    const prolog = prologs.find(([opening]) => text.startsWith(opening, at));
    if (!prolog) return /^<svg[\s>]/.test(text.slice(at, at + 5));
    const end = text.indexOf(prolog[1], at + prolog[0].length);
    if (end < 0) return false;
    at = skipBlanks(text, end + prolog[1].length);
  }
}

/** The index of the next character that is neither white space nor a byte order mark. */
function skipBlanks(text: string, from: number): number {
  let at = from;
  while (at < text.length && /\s|\uFEFF/.test(text.charAt(at))) at += 1;
  return at;
}
