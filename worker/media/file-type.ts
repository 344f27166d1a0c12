import { isUtf8 } from 'node:buffer';

const starts = (bytes: Buffer, text: string, at = 0): boolean => bytes.subarray(at, at + text.length).toString('latin1') === text;

/** Beginnings of files by which their type is known, whatever they are called. */
const signatures: { type: string; matches: (bytes: Buffer) => boolean }[] = [
  { type: 'image/png', matches: (bytes) => starts(bytes, '\x89PNG\r\n\x1a\n') },
  { type: 'image/jpeg', matches: (bytes) => starts(bytes, '\xff\xd8\xff') },
  { type: 'image/webp', matches: (bytes) => starts(bytes, 'RIFF') && starts(bytes, 'WEBP', 8) },
  { type: 'image/gif', matches: (bytes) => starts(bytes, 'GIF8') },
  { type: 'image/tiff', matches: (bytes) => starts(bytes, 'II*\0') || starts(bytes, 'MM\0*') },
  // The second condition: the reserved fields of a bitmap's header are zero. A text may begin with “BM”, too.
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

/** An MPEG audio frame: eleven set bits, then two of the version and two of the layer (1 is MP3; 0 is AAC's ADTS). */
function isAudioFrame(bytes: Buffer, layer: number): boolean {
  const second = bytes[1] ?? 0;
  return bytes[0] === 0xff && (second & 0xe0) === 0xe0 && ((second >> 1) & 3) === layer;
}

const office = 'application/vnd.openxmlformats-officedocument.';
/** Office files are zip archives; the part by which each kind is known. */
const officeParts = new Map([['word/document.xml', `${office}wordprocessingml.document`], ['xl/workbook.xml', `${office}spreadsheetml.sheet`], ['ppt/presentation.xml', `${office}presentationml.presentation`]]);
/** The older office files share one container, so their own word is taken for which they are. */
const olderOffice = new Set(['application/msword', 'application/vnd.ms-excel', 'application/vnd.ms-powerpoint']);

/** Types by the ending of a name: what a text file is, and which of several kinds in one container. */
const byExtension: Record<string, string> = {
  '.txt': 'text/plain', '.md': 'text/plain', '.log': 'text/plain', '.diff': 'text/plain', '.patch': 'text/plain', '.csv': 'text/csv', '.json': 'application/json', '.html': 'text/html', '.htm': 'text/html',
  '.vcf': 'text/vcard', '.zip': 'application/zip', '.m4a': 'audio/mp4', '.doc': 'application/msword', '.xls': 'application/vnd.ms-excel', '.ppt': 'application/vnd.ms-powerpoint',
};

/** The type that a file's name promises; it may be wrong. `extension` has its dot. */
export function typeOfExtension(extension: string): string {
  return byExtension[extension.toLowerCase()] ?? 'application/octet-stream';
}

const extensions = new Map([
  ['image/png', '.png'], ['image/jpeg', '.jpg'], ['image/gif', '.gif'], ['image/webp', '.webp'], ['image/heic', '.heic'], ['image/avif', '.avif'], ['image/tiff', '.tiff'], ['image/bmp', '.bmp'], ['image/svg+xml', '.svg'],
  ['video/mp4', '.mp4'], ['video/3gpp', '.3gp'], ['video/quicktime', '.mov'], ['video/webm', '.webm'],
  ['audio/ogg', '.ogg'], ['audio/mpeg', '.mp3'], ['audio/amr', '.amr'], ['audio/mp4', '.m4a'], ['audio/3gpp', '.3gp'], ['audio/aac', '.aac'], ['audio/wav', '.wav'], ['audio/flac', '.flac'], ['audio/webm', '.webm'],
  ['application/pdf', '.pdf'], ['application/json', '.json'], ['application/zip', '.zip'], ['application/gzip', '.gz'], ['application/rtf', '.rtf'], ['text/plain', '.txt'], ['text/csv', '.csv'], ['text/html', '.html'], ['text/vcard', '.vcf'],
  ['application/msword', '.doc'], ['application/vnd.ms-excel', '.xls'], ['application/vnd.ms-powerpoint', '.ppt'],
  [`${office}wordprocessingml.document`, '.docx'], [`${office}spreadsheetml.sheet`, '.xlsx'], [`${office}presentationml.presentation`, '.pptx'],
]);

/** The ending of a name that suits a type (without parameters), with its dot. */
export function extensionOf(type: string): string {
  return extensions.get(type) ?? '.bin';
}

/**
 * Tells a file's type (lower case, without parameters) from its bytes. `claimed` is what the sender or the name says; it only decides between kinds that
 * look the same from outside: texts, sound and film in one container, the older office files. What is none of the known kinds is
 * `application/octet-stream`.
 */
export function fileType(bytes: Buffer, claimed: string): string {
  const claim = (claimed.split(';')[0] ?? '').trim().toLowerCase();
  const known = signatures.find((signature) => signature.matches(bytes))?.type;
  if (known) return known;
  if (starts(bytes, 'ftyp', 4)) return containerType(bytes.subarray(8, 64).toString('latin1'), claim);
  if (starts(bytes, '\x1a\x45\xdf\xa3')) return claim === 'audio/webm' ? claim : 'video/webm';
  if (starts(bytes, 'PK\x03\x04')) return [...officeParts].find(([part]) => bytes.includes(part))?.[1] ?? 'application/zip';
  if (starts(bytes, '\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1')) return olderOffice.has(claim) ? claim : 'application/x-ole-storage';
  return isText(bytes) ? textType(bytes, claim) : 'application/octet-stream';
}

/** The kinds of the ISO base media format (ISO 14496-12) by their brands. */
function containerType(brands: string, claim: string): string {
  const sound = claim.startsWith('audio/');
  if (/^avi[fs]|^(?:mif1|msf1).*avi[fs]/s.test(brands)) return 'image/avif';
  if (/^(?:he[iv]|mif1|msf1)/.test(brands)) return 'image/heic';
  if (/^M4[AB]/.test(brands)) return 'audio/mp4';
  if (/^3g[p2]/.test(brands)) return sound ? 'audio/3gpp' : 'video/3gpp';
  if (brands.startsWith('qt')) return 'video/quicktime';
  return sound ? 'audio/mp4' : 'video/mp4';
}

function isText(bytes: Buffer): boolean {
  return !bytes.includes(0) && isUtf8(bytes);
}

function textType(bytes: Buffer, claim: string): string {
  const beginning = bytes.subarray(0, 4096).toString('utf8');
  if (/^\uFEFF?\s*(?:<\?xml[^>]*>\s*|<!--.*?-->\s*|<!DOCTYPE svg[^>]*>\s*)*<svg[\s>]/s.test(beginning)) return 'image/svg+xml';
  if (/^\uFEFF?\s*BEGIN:VCARD/i.test(beginning)) return 'text/vcard';
  return claim.startsWith('text/') || claim === 'application/json' ? claim : 'text/plain';
}
