import { z } from 'zod';
import type { PhoneInput } from '../chat.ts';

/**
 * WhatsApp carries at most 16 MB of media in one message (Twilio: "Guide to WhatsApp Media
 * Messages").
 */
export const mediaBytesMax = 16 * 1024 * 1024;

/** The longest text WhatsApp's own composer takes, in characters. */
const textMax = 65_536;

const name = z.string().trim().min(1).max(255);
const sid = z.string().regex(/^(SM|MM)[0-9a-f]{32}$/i, 'is not a message sid');

const media = z.strictObject({
  name,
  type: z.string().regex(/^[\w.+-]+\/[\w.+-]+$/, 'is not a media type such as image/png'),
  base64: z
    .string()
    .min(1, 'is empty')
    .refine(
      (text) => text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text),
      'is not base64',
    ),
});

const location = z.strictObject({
  latitude: z.number().min(-90).max(90),
  longitude: z.number().min(-180).max(180),
  label: z.exactOptional(z.string().max(200)),
  address: z.exactOptional(z.string().max(500)),
});

const choice = z.strictObject({
  id: z.string().min(1).max(200),
  title: z.string().min(1).max(100),
  kind: z.enum(['button', 'list']),
});

const phoneInput = z
  .strictObject({
    text: z.exactOptional(z.string().max(textMax)),
    media: z.exactOptional(media),
    location: z.exactOptional(location),
    quoted: z.exactOptional(sid),
    choice: z.exactOptional(choice),
  })
  .refine(
    (input) => Boolean(input.text?.trim() || input.media || input.location || input.choice),
    'A message needs text, media, a location or a choice.',
  );

/** The parsed body of a request: an input, or the HTTP status and the sentence of the refusal. */
export type ParsedInput =
  { ok: true; input: PhoneInput } | { ok: false; status: 400 | 413; error: string };

/** Parses the JSON body of a send. Never throws. */
export function parsePhoneInput(body: unknown): ParsedInput {
  const result = phoneInput.safeParse(body);
  if (!result.success) {
    const problems = result.error.issues.map((issue) =>
      [issue.path.join('.'), issue.message].filter(Boolean).join(': '),
    );
    return { ok: false, status: 400, error: problems.join('; ') };
  }
  const input = result.data;
  if (input.media && Buffer.byteLength(input.media.base64, 'base64') > mediaBytesMax) {
    return { ok: false, status: 413, error: tooLarge };
  }
  return { ok: true, input };
}

/** The sentence for a file that WhatsApp would not carry. */
export const tooLarge = 'The file is larger than 16 MB, which is the most WhatsApp carries.';

/** An E.164 number: a plus sign and 7 to 15 digits, the first not zero (ITU-T E.164). */
const e164Pattern = /^\+[1-9]\d{6,14}$/;

/**
 * A phone is named by its number, or by a WhatsApp user id such as US.13491208655302741918 when it
 * has none.
 */
export function isPhone(name: string): boolean {
  return e164Pattern.test(name) || /^[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}$/.test(name);
}

/** A message sid as Twilio writes it. */
export const messageSidPattern = /^(SM|MM)[0-9a-f]{32}$/i;
