/** The common prefix of the newer office types. */
export const office = 'application/vnd.openxmlformats-officedocument.';

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
  ['application/msword', '.doc'],
  ['application/vnd.ms-excel', '.xls'],
  ['application/vnd.ms-powerpoint', '.ppt'],
  [`${office}wordprocessingml.document`, '.docx'],
  [`${office}spreadsheetml.sheet`, '.xlsx'],
  [`${office}presentationml.presentation`, '.pptx'],
]);

/** The file extension for a type (without parameters), including the dot. */
export function extensionOf(type: string): string {
  return extensions.get(type) ?? '.bin';
}

/** Whether a claimed type is a text type. */
export function isTextType(type: string): boolean {
  return type.startsWith('text/') || type === 'application/json' || type === 'image/svg+xml';
}
