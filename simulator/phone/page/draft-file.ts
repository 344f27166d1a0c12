import type { PhoneInput } from '../../chat.ts';

/**
 * WhatsApp carries at most 16 MB of media in one message (Twilio: "Guide to WhatsApp Media
 * Messages").
 */
const bytesMax = 16 * 1024 * 1024;

/** The sentence that says why this file cannot be attached, or undefined when it can. */
export function refuseFile(file: File): string | undefined {
  if (file.size === 0) return `${file.name} is empty.`;
  return file.size > bytesMax
    ? `${file.name} is larger than 16 MB, which is the most WhatsApp carries.`
    : undefined;
}

/** Reads a file into the form of the API. Throws when it cannot be read. */
export async function readFile(file: File): Promise<NonNullable<PhoneInput['media']>> {
  const address = await new Promise<string>((resolve, reject) => {
    const reader = new FileReader();
    reader.addEventListener('load', () => resolve(String(reader.result)));
    reader.addEventListener('error', () => reject(new Error(`${file.name} could not be read.`)));
    reader.readAsDataURL(file);
  });
  const type = file.type.split(';')[0] ?? '';
  return {
    name: file.name,
    type: type || 'application/octet-stream',
    base64: address.slice(address.indexOf(',') + 1),
  };
}
