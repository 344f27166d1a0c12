import path from 'node:path';
import { largestCarried } from '../media/largest-carried.ts';
import { isPicture } from '../media/picture.ts';
import { fileType } from '../media/file-type.ts';
import { textEncoding } from '../media/text-encoding.ts';
import { isTextType, typeOfExtension } from '../media/type-names.ts';

/**
 * What a file is, as far as WhatsApp cares. `carried` tells whether it goes as it is, `captioned`
 * whether a text may go with it. A `picture` is made to fit before it goes.
 */
export type FileKind = {
  type: string;
  name: string;
  picture: boolean;
  carried: boolean;
  captioned: boolean;
};

/** What WhatsApp takes besides pictures (the same page). */
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
 * Of these containers WhatsApp takes one codec only (the same page): H.264 in films, Opus in sound.
 * The marks by which each is known.
 */
const codecs = new Map([
  ['video/mp4', ['avc1', 'avc3']],
  ['audio/ogg', ['OpusHead']],
]);

/**
 * Tells a file's kind from its bytes first and its name second. `type` has the character set where
 * it is a text.
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

/** The character set as a type says it; nothing where it is not known. */
function charsetOf(bytes: Buffer, promised: string): string {
  const encoding = textEncoding(bytes, isTextType(promised)) ?? 'unknown';
  return encoding === 'unknown' ? '' : `; charset=${encoding}`;
}
