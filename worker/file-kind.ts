import path from 'node:path';

/** What a file is, as far as WhatsApp cares. `carried` tells whether it goes as media; `captioned` whether a text may go with it. */
export type FileKind = { type: string; name: string; carried: boolean; captioned: boolean };

/** Beginnings of files by which their type is known, whatever they are called. */
const signatures: { type: string; matches: (bytes: Buffer) => boolean }[] = [
  { type: 'image/png', matches: (bytes) => bytes.subarray(0, 8).equals(Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])) },
  { type: 'image/jpeg', matches: (bytes) => bytes.subarray(0, 3).equals(Buffer.from([0xff, 0xd8, 0xff])) },
  { type: 'image/webp', matches: (bytes) => bytes.subarray(0, 4).toString('latin1') === 'RIFF' && bytes.subarray(8, 12).toString('latin1') === 'WEBP' },
  { type: 'image/gif', matches: (bytes) => bytes.subarray(0, 4).toString('latin1') === 'GIF8' },
  { type: 'application/pdf', matches: (bytes) => bytes.subarray(0, 5).toString('latin1') === '%PDF-' },
  { type: 'video/mp4', matches: (bytes) => bytes.subarray(4, 8).toString('latin1') === 'ftyp' },
  { type: 'audio/ogg', matches: (bytes) => bytes.subarray(0, 4).toString('latin1') === 'OggS' },
];

const byExtension: Record<string, string> = {
  '.txt': 'text/plain; charset=utf-8', '.md': 'text/plain; charset=utf-8', '.log': 'text/plain; charset=utf-8', '.diff': 'text/plain; charset=utf-8', '.patch': 'text/plain; charset=utf-8',
  '.csv': 'text/csv; charset=utf-8', '.json': 'application/json', '.html': 'text/html; charset=utf-8', '.svg': 'image/svg+xml', '.zip': 'application/zip', '.mp3': 'audio/mpeg',
  '.doc': 'application/msword', '.docx': 'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
  '.xlsx': 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet', '.pptx': 'application/vnd.openxmlformats-officedocument.presentationml.presentation',
};

/** What WhatsApp takes (twilio.com/docs/whatsapp/guidance-whatsapp-media-messages). */
const carried = new Set([
  'image/png', 'image/jpeg', 'application/pdf', 'video/mp4', 'audio/ogg', 'audio/mpeg', 'application/msword',
  'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
  'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
  'application/vnd.openxmlformats-officedocument.presentationml.presentation',
]);

/** The largest picture WhatsApp takes (bytes). */
const largestImage = 5 * 1024 * 1024;

/** Tells a file's kind from its bytes first and its name second. */
export function describeFile(name: string, bytes: Buffer): FileKind {
  const type = signatures.find((signature) => signature.matches(bytes))?.type ?? byExtension[path.extname(name).toLowerCase()] ?? 'application/octet-stream';
  const fits = !type.startsWith('image/') || bytes.byteLength <= largestImage;
  return { type, name, carried: carried.has(type) && fits, captioned: type.startsWith('image/') || type.startsWith('video/') };
}
