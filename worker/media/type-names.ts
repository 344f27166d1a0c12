/** The common prefix of the newer office types. */
export const office = 'application/vnd.openxmlformats-officedocument.';

/** The form of a type (RFC 6838, 4.2), in lower case and without parameters. */
export const plainType = /^[a-z0-9][a-z0-9!#$&^_.+-]{0,99}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,99}$/;

/**
 * A sender's or a server's word for a type, in lower case and without parameters; if it has not the
 * form of a type, `application/octet-stream`.
 */
export function toPlainType(claimed: string): string {
  const type = (claimed.split(';', 1)[0] ?? '').trim().toLowerCase();
  return plainType.test(type) ? type : 'application/octet-stream';
}

/** Types by file extension: the kind of a text file, or of a container. */
const byExtension: Record<string, string> = {
  '.txt': 'text/plain',
  '.md': 'text/plain',
  '.log': 'text/plain',
  '.diff': 'text/plain',
  '.patch': 'text/plain',
  '.csv': 'text/csv',
  '.json': 'application/json',
  '.html': 'text/html',
  '.htm': 'text/html',
  '.vcf': 'text/vcard',
  '.zip': 'application/zip',
  '.m4a': 'audio/mp4',
  '.doc': 'application/msword',
  '.xls': 'application/vnd.ms-excel',
  '.ppt': 'application/vnd.ms-powerpoint',
};

/** The type implied by a file's name; it may be wrong. `extension` includes the dot. */
export function typeOfExtension(extension: string): string {
  return byExtension[extension.toLowerCase()] ?? 'application/octet-stream';
}

const extensions = new Map([
  ['image/png', '.png'],
  ['image/jpeg', '.jpg'],
  ['image/gif', '.gif'],
  ['image/webp', '.webp'],
  ['image/heic', '.heic'],
  ['image/avif', '.avif'],
  ['image/tiff', '.tiff'],
  ['image/bmp', '.bmp'],
  ['image/svg+xml', '.svg'],
  ['video/mp4', '.mp4'],
  ['video/3gpp', '.3gp'],
  ['video/quicktime', '.mov'],
  ['video/webm', '.webm'],
  ['audio/ogg', '.ogg'],
  ['audio/mpeg', '.mp3'],
  ['audio/amr', '.amr'],
  ['audio/mp4', '.m4a'],
  ['audio/3gpp', '.3gp'],
  ['audio/aac', '.aac'],
  ['audio/wav', '.wav'],
  ['audio/flac', '.flac'],
  ['audio/webm', '.webm'],
  ['application/pdf', '.pdf'],
  ['application/json', '.json'],
  ['application/zip', '.zip'],
  ['application/gzip', '.gz'],
  ['application/rtf', '.rtf'],
  ['text/plain', '.txt'],
  ['text/csv', '.csv'],
  ['text/html', '.html'],
  ['text/vcard', '.vcf'],
  ['text/calendar', '.ics'],
  ['text/markdown', '.md'],
  ['application/msword', '.doc'],
  ['application/vnd.ms-excel', '.xls'],
  ['application/vnd.ms-powerpoint', '.ppt'],
  [`${office}wordprocessingml.document`, '.docx'],
  [`${office}spreadsheetml.sheet`, '.xlsx'],
  [`${office}presentationml.presentation`, '.pptx'],
]);

/** The file extension for a type (without parameters), including the dot. */
export function extensionOf(type: string): string {
  return extensions.get(type) ?? (type.startsWith('text/') ? '.txt' : '.bin');
}

/** Whether a claimed type is a text type. */
export function isTextType(type: string): boolean {
  return type.startsWith('text/') || type === 'application/json' || type === 'image/svg+xml';
}
