import { head } from '../../shared/runtime/cut.ts';
import type { AgentUser } from '../agent/sandbox/user.ts';

/** A recording. `name` has the extension of its kind, `type` is its media type. */
export type Sound = { bytes: Buffer; name: string; type: string };

/**
 * Transcribes a recording. A program for it runs as `user`, the person's, if there is one.
 * Contract: it returns a text that is not empty, or throws TranscribeProblem or the signal's
 * reason, after two minutes at the latest.
 */
export type Transcriber = (sound: Sound, signal: AbortSignal, user?: AgentUser) => Promise<string>;

/** Why the transcription failed; the message is a plain clause for the person and for Claude. */
export class TranscribeProblem extends Error {
  override name = 'TranscribeProblem';
}

/**
 * Time limit per file (ms): a local whisper on a small machine needs about as long as the recording
 * lasts.
 */
export const transcribePatience = 120_000;
/** Length limit for a text (characters): an hour of speech has some 60,000. */
const longestText = 100_000;

/** The text on one line. Throws TranscribeProblem when it has no words. */
export function checkTranscript(text: string): string {
  const plain = head(text.replaceAll(/\s+/g, ' ').trim(), longestText);
  // Whisper writes this for silence.
  if (plain === '' || plain === '[BLANK_AUDIO]')
    throw new TranscribeProblem('there are no words in it');
  return plain;
}
