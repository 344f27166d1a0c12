import { readAtMost } from '../../shared/runtime/read-at-most.ts';
import { z } from 'zod';
import { checkTranscript, TranscribeProblem, transcribePatience } from './transcribing.ts';
import type { Transcriber } from './transcribing.ts';

/** The longest answer that is read (bytes): a transcript of an hour, with much to spare. */
const mostAnswer = 1024 * 1024;

/**
 * `url` is the service's base address, such as https://api.openai.com, or the full address of its
 * transcriptions.
 */
export type TranscribeService = {
  url: string;
  model: string;
  apiKey: string | undefined;
  patienceMs?: number;
};

const Answer = z.object({ text: z.string() });

/**
 * A transcriber that uses OpenAI's API
 * (platform.openai.com/docs/api-reference/audio/createTranscription), which self-hosted whisper
 * servers support, too.
 */
export function createServiceTranscriber({
  url,
  model,
  apiKey,
  patienceMs = transcribePatience,
}: TranscribeService): Transcriber {
  const address = transcriptionsAddress(url);
  return async ({ bytes, name, type }, signal) => {
    const form = new FormData();
    // The service detects the kind of sound by the name's extension.
    form.set('file', new Blob([new Uint8Array(bytes)], { type }), name);
    form.set('model', model);
    form.set('response_format', 'json');
    // Serialised before sending: aborting a request while its form is being read causes an
    // unhandled rejection.
    const written = new Response(form);
    const headers = {
      'Content-Type': written.headers.get('content-type') ?? '',
      ...(apiKey === undefined ? {} : { Authorization: `Bearer ${apiKey}` }),
    };
    const body = new Uint8Array(await written.arrayBuffer());
    try {
      const response = await fetch(address, {
        method: 'POST',
        headers,
        body,
        signal: AbortSignal.any([signal, AbortSignal.timeout(patienceMs)]),
      });
      if (!response.ok) {
        await response.body?.cancel();
        throw new TranscribeProblem(`the transcriber refused it (error ${response.status})`);
      }
      const answer = await readAtMost(response, mostAnswer);
      if (!answer) throw new TranscribeProblem('the transcriber’s answer is too large');
      return checkTranscript(textOf(answer.toString()));
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof TranscribeProblem) throw error;
      throw new TranscribeProblem(
        error instanceof DOMException && error.name === 'TimeoutError'
          ? 'the transcriber took too long'
          : 'the transcriber cannot be reached',
      );
    }
  };
}

/**
 * The address of the transcriptions: below the base address, with or without its `/v1`, or the
 * address itself if it is already complete.
 */
export function transcriptionsAddress(url: string): string {
  if (url.endsWith('/audio/transcriptions')) return url;
  return `${url}${url.endsWith('/v1') ? '' : '/v1'}/audio/transcriptions`;
}

function textOf(body: string): string {
  try {
    return Answer.parse(JSON.parse(body)).text;
  } catch {
    throw new TranscribeProblem('the transcriber’s answer makes no sense');
  }
}
