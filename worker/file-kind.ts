import path from 'node:path';
import { isPicture } from './media/picture.ts';
import { fileType, typeOfExtension } from './media/file-type.ts';

/** What a file is, as far as WhatsApp cares. `carried` tells whether it goes as it is, `captioned` whether a text may go with it. A `picture` is made to fit before it goes. */
export type FileKind = { type: string; name: string; picture: boolean; carried: boolean; captioned: boolean };

/** The largest file that WhatsApp takes through Twilio (bytes; twilio.com/docs/whatsapp/guidance-whatsapp-media-messages). */
export const largestCarried = 16 * 1024 * 1024;

/** What WhatsApp takes besides pictures (the same page). */
const carried = new Set([
  'application/pdf', 'video/mp4', 'audio/ogg', 'audio/mpeg', 'audio/amr', 'audio/aac', 'application/msword', 'text/vcard',
  'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
  'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
  'application/vnd.openxmlformats-officedocument.presentationml.presentation',
]);

/** Of these containers WhatsApp takes one codec only (the same page): H.264 in films, Opus in sound. The mark by which each is known. */
const codecs = new Map([['video/mp4', /avc[13]/], ['audio/ogg', /OpusHead/]]);

/** Tells a file's kind from its bytes first and its name second. `type` has the character set where it is a text. */
export function describeFile(name: string, bytes: Buffer): FileKind {
  const type = fileType(bytes, typeOfExtension(path.extname(name)));
  const codec = codecs.get(type);
  const fits = bytes.byteLength <= largestCarried && carried.has(type) && (!codec || codec.test(bytes.toString('latin1')));
  const text = type.startsWith('text/') && type !== 'text/vcard';
  return { type: text ? `${type}; charset=utf-8` : type, name, picture: isPicture(type), carried: fits, captioned: type.startsWith('video/') };
}
