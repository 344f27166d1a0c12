import path from 'node:path';
import { largestCarried } from '../media/largest-carried.ts';
import { isPicture } from '../media/picture.ts';
import { fileType } from '../media/file-type.ts';
import { textEncoding } from '../media/text-encoding.ts';
import { isTextType, typeOfExtension } from '../media/type-names.ts';

/**
 * A file's properties for WhatsApp. `carried` means that it can be sent as it is, `captioned` that
 * it may have a caption. A `picture` is converted before it is sent.
 */
export type FileKind = {
  type: string;
  name: string;
  picture: boolean;
  carried: boolean;
  captioned: boolean;
};

/** The types that WhatsApp accepts besides pictures (the same page). */
const carried = new Set([
  'application/pdf',
  'video/mp4',
  'audio/ogg',
  'audio/mpeg',
  'audio/amr',
  'audio/aac',
  'application/msword',
  'text/vcard',
  'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
  'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
  'application/vnd.openxmlformats-officedocument.presentationml.presentation',
]);

/**
 * In these containers WhatsApp accepts only one codec (the same page): H.264 in films, Opus in
 * sound. The byte strings that identify each.
 */
const codecs = new Map([
  ['video/mp4', ['avc1', 'avc3']],
  ['audio/ogg', ['OpusHead']],
]);

/**
 * Detects a file's kind from its bytes first and its name second. `type` includes the character set
 * of a text.
 */
export function describeFile(name: string, bytes: Buffer): FileKind {
  const promised = typeOfExtension(path.extname(name));
  const type = fileType(bytes, promised);
  const codec = codecs.get(type);
  const fits =
    bytes.byteLength <= largestCarried &&
    carried.has(type) &&
    (!codec || codec.some((mark) => bytes.includes(mark)));
  const isText = type.startsWith('text/') && type !== 'text/vcard';
  return {
    type: isText ? `${type}${charsetOf(bytes, promised)}` : type,
    name,
    picture: isPicture(type),
    carried: fits,
    captioned: type.startsWith('video/'),
  };
}

/** The charset parameter of a type; empty if it is unknown. */
function charsetOf(bytes: Buffer, promised: string): string {
  const encoding = textEncoding(bytes, isTextType(promised)) ?? 'unknown';
  return encoding === 'unknown' ? '' : `; charset=${encoding}`;
}
