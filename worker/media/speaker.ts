import { readAtMost } from '../../shared/runtime/read-at-most.ts';
import { programEnvironment, runProgram, splitCommand } from './program.ts';
import { checkSound, mostSound, speakPatience, SpeakProblem } from './speaking.ts';
import type { Speaker } from './speaking.ts';

/** The configuration for speaking answers. */
export type SpeakSettings = {
  SPEAK_URL?: string | undefined;
  SPEAK_MODEL: string;
  SPEAK_VOICE: string;
  SPEAK_API_KEY?: string | undefined;
  SPEAK_COMMAND?: string | undefined;
};

/** The configured speaker, or undefined. `host` is the worker's own environment. */
export function createSpeaker(
  settings: SpeakSettings,
  host: Record<string, string | undefined>,
): Speaker | undefined {
  const { SPEAK_URL: url, SPEAK_COMMAND: command } = settings;
  if (url !== undefined) return createServiceSpeaker(url, settings);
  if (command === undefined) return undefined;
  const words = splitCommand(command);
  const environment = programEnvironment(host);
  return async (text, signal, user) => {
    const ended = AbortSignal.any([signal, AbortSignal.timeout(speakPatience)]);
    const problem = (why: string): Error => new SpeakProblem(`the speaker ${why}`);
    try {
      return checkSound(
        await runProgram(words, {
          environment,
          user,
          input: text,
          mostOutput: mostSound,
          ended,
          problem,
        }),
      );
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    }
  };
}

/**
 * A speaker that uses OpenAI's API (platform.openai.com/docs/api-reference/audio/createSpeech),
 * which self-hosted servers support, too. `url` is the base address, with or without its `/v1`, or
 * the full address.
 */
function createServiceSpeaker(
  url: string,
  { SPEAK_MODEL: model, SPEAK_VOICE: voice, SPEAK_API_KEY: key }: SpeakSettings,
): Speaker {
  const base = `${url}${url.endsWith('/v1') ? '' : '/v1'}/audio/speech`;
  const address = url.endsWith('/audio/speech') ? url : base;
  return async (text, signal) => {
    try {
      const response = await fetch(address, {
        method: 'POST',
        headers: {
          'Content-Type': 'application/json',
          ...(key === undefined ? {} : { Authorization: `Bearer ${key}` }),
        },
        body: JSON.stringify({ model, voice, input: text, response_format: 'opus' }),
        signal: AbortSignal.any([signal, AbortSignal.timeout(speakPatience)]),
      });
      if (!response.ok) {
        await response.body?.cancel();
        throw new SpeakProblem(`the speaker refused it (error ${response.status})`);
      }
      const bytes = await readAtMost(response, mostSound);
      if (!bytes) throw new SpeakProblem('the speaker’s answer is too large');
      return checkSound(bytes);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof SpeakProblem) throw error;
      throw new SpeakProblem('the speaker cannot be reached, or took too long');
    }
  };
}
