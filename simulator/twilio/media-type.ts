/**
 * The types WhatsApp takes (https://www.twilio.com/docs/whatsapp/guidance-whatsapp-media-messages).
 */
const accepted = [
  /^image\/(jpeg|jpg|png|webp)$/,
  /^audio\/(ogg|amr|3gpp|aac|mpeg|mp4)$/,
  /^video\/(mp4|3gpp)$/,
  /^application\/(pdf|msword|vnd\.ms-excel|vnd\.ms-powerpoint|vnd\.openxmlformats-officedocument\..+)$/,
  /^text\/(vcard|x-vcard|plain|csv)$/,
];

/** How the bytes of a type begin; a type that is not listed here is not checked. */
const signatures: Record<string, (bytes: Buffer) => boolean> = {
  'image/jpeg': (bytes) => bytes.subarray(0, 3).equals(Buffer.from([0xff, 0xd8, 0xff])),
  'image/jpg': (bytes) => bytes.subarray(0, 3).equals(Buffer.from([0xff, 0xd8, 0xff])),
  'image/png': (bytes) => bytes.subarray(0, 8).equals(Buffer.from('89504e470d0a1a0a', 'hex')),
  'image/webp': (bytes) =>
    bytes.toString('latin1', 0, 4) === 'RIFF' && bytes.toString('latin1', 8, 12) === 'WEBP',
  'application/pdf': (bytes) => bytes.toString('latin1', 0, 5) === '%PDF-',
  'audio/ogg': (bytes) => bytes.toString('latin1', 0, 4) === 'OggS',
  'video/mp4': (bytes) => bytes.toString('latin1', 4, 8) === 'ftyp',
};

/** Twilio's limits in bytes: 5 MB for a picture, 16 MB for anything else. */
const maxImageBytes = 5 * 1024 * 1024;
export const maxMediaBytes = 16 * 1024 * 1024;

/**
 * @param type a media type without parameters. @param bytes the whole file.
 * @returns the failure code a message with this media ends with, or undefined: 63019 for no bytes, 63034
 * for too many, 63021 for a type that WhatsApp does not take or that the bytes contradict.
 */
export function checkMedia(type: string, bytes: Buffer): number | undefined {
  if (bytes.length === 0) return 63_019;
  if (bytes.length > (type.startsWith('image/') ? maxImageBytes : maxMediaBytes)) return 63_034;
  if (!accepted.some((pattern) => pattern.test(type))) return 63_021;
  return (signatures[type]?.(bytes) ?? true) ? undefined : 63_021;
}
