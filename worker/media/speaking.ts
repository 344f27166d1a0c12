import type { AgentUser } from '../agent/sandbox/user.ts';

/**
 * Speaks a text. A program for it runs as `user`, the person's, if there is one. Contract: it
 * returns Opus in Ogg, or throws SpeakProblem or the signal's reason, after a minute at the latest.
 */
export type Speaker = (text: string, signal: AbortSignal, user?: AgentUser) => Promise<Buffer>;

/** Why a text was not spoken; for the log, since the person has the text. */
export class SpeakProblem extends Error {
  override name = 'SpeakProblem';
}

/** Time limit per text (ms). */
export const speakPatience = 60_000;

/** The largest recording (bytes); WhatsApp takes 16 MB. */
export const mostSound = 16 * 1024 * 1024;

/** The longest text that is spoken (characters), some two minutes; a service takes 4096. */
const longestSpoken = 2000;

/** The sound if WhatsApp shows it as a voice message. Throws SpeakProblem for any other bytes. */
export function checkSound(bytes: Buffer): Buffer {
  const isOpus = bytes.subarray(0, 4).equals(Buffer.from('OggS'));
  if (!isOpus || !bytes.subarray(0, 64).includes('OpusHead'))
    throw new SpeakProblem('the speaker’s answer is not Opus in Ogg');
  if (bytes.byteLength > mostSound) throw new SpeakProblem('the speaker’s answer is too large');
  return bytes;
}

/**
 * What is spoken of an answer as WhatsApp shows it: without marks, code blocks and addresses.
 * Undefined when it is too long, or when nothing is left to speak.
 */
export function spokenText(text: string): string | undefined {
  const plain = text
    .replaceAll(/```[^]*?(?:```|$)/g, ' ')
    .replaceAll(/https?:\/\/\S+/g, ' ')
    .replaceAll(/(?<![\p{L}\p{N}])[*_~`]+(?=\S)|(?<=\S)[*_~`]+(?![\p{L}\p{N}])/gu, '')
    .replaceAll(/^[ \t]*(?:[-•>]|\d{1,9}\.)[ \t]+/gm, '')
    .replaceAll(/[ \t]+/g, ' ')
    .replaceAll(/ ?\n\s*/g, '\n')
    .trim();
  return /[\p{L}\p{N}]/u.test(plain) && plain.length <= longestSpoken ? plain : undefined;
}
