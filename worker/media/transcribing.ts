import { head } from '../../shared/runtime/cut.ts';
/** A recording. `name` has the ending of its kind, `type` is its media type. */
export type Sound = { bytes: Buffer; name: string; type: string };

/**
 * Writes down what is said in a recording. Contract: it returns a text that is not empty, or throws
 * TranscribeProblem or the signal's reason, after two minutes at the latest.
 */
export type Transcriber = (sound: Sound, signal: AbortSignal) => Promise<string>;

/** Why nothing was written down; the message is a plain clause for the person and for Claude. */
export class TranscribeProblem extends Error {
  override name = 'TranscribeProblem';
}

/**
 * How long one file may take (ms): a local whisper on a small machine needs about as long as the
 * recording lasts.
 */
export const transcribePatience = 120_000;
/** The longest text taken (characters): an hour of speech has some 60,000. */
const longestText = 100_000;

/** The text as it goes on. Throws TranscribeProblem when there is none. */
export function checkTranscript(text: string): string {
  const plain = head(text.replaceAll(/\s+/g, ' ').trim(), longestText);
  // Whisper writes this where nobody speaks.
  if (plain === '' || plain === '[BLANK_AUDIO]')
    throw new TranscribeProblem('there are no words in it');
  return plain;
}
