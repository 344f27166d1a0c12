import { readFile } from 'node:fs/promises';
import { basename, extname } from 'node:path';
import type { PhoneInput } from '../chat.ts';

/**
 * The types WhatsApp carries, by the ending of the file's name (Twilio: "Guide to WhatsApp Media
 * Messages").
 */
const mediaTypes: Record<string, string> = {
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.png': 'image/png',
  '.webp': 'image/webp',
  '.gif': 'image/gif',
  '.ogg': 'audio/ogg',
  '.opus': 'audio/ogg',
  '.amr': 'audio/amr',
  '.3gp': 'audio/3gpp',
  '.aac': 'audio/aac',
  '.mp3': 'audio/mpeg',
  '.m4a': 'audio/mp4',
  '.wav': 'audio/wav',
  '.mp4': 'video/mp4',
  '.pdf': 'application/pdf',
  '.doc': 'application/msword',
  '.docx': 'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
  '.pptx': 'application/vnd.openxmlformats-officedocument.presentationml.presentation',
  '.xlsx': 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
  '.vcf': 'text/vcard',
  '.txt': 'text/plain',
  '.md': 'text/markdown',
  '.csv': 'text/csv',
  '.json': 'application/json',
};

/**
 * Reads a file into the form that the phone sends. Throws the file system's error when it cannot be
 * read.
 */
export async function readMediaFile(path: string): Promise<NonNullable<PhoneInput['media']>> {
  const bytes = await readFile(path);
  return {
    name: basename(path),
    type: mediaTypes[extname(path).toLowerCase()] ?? 'application/octet-stream',
    base64: bytes.toString('base64'),
  };
}
