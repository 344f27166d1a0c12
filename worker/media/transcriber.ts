import { programEnvironment } from './program.ts';
import { createCommandTranscriber } from './transcriber-command.ts';
import { createServiceTranscriber } from './transcriber-service.ts';
import type { Transcriber } from './transcribing.ts';

/** The configuration for transcribing voice messages. */
export type TranscribeSettings = {
  TRANSCRIBE_URL?: string | undefined;
  TRANSCRIBE_MODEL: string;
  TRANSCRIBE_API_KEY?: string | undefined;
  TRANSCRIBE_COMMAND?: string | undefined;
};

/** The configured transcriber, or undefined. `host` is the worker's own environment. */
export function createTranscriber(
  settings: TranscribeSettings,
  host: Record<string, string | undefined>,
): Transcriber | undefined {
  const {
    TRANSCRIBE_URL: url,
    TRANSCRIBE_MODEL: model,
    TRANSCRIBE_API_KEY: apiKey,
    TRANSCRIBE_COMMAND: command,
  } = settings;
  if (url !== undefined) return createServiceTranscriber({ url, model, apiKey });
  if (command === undefined) return undefined;
  return createCommandTranscriber({ command, environment: programEnvironment(host) });
}
