import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { z } from 'zod';
import { writeAsItIs, writeText } from './written.ts';
import type { Written } from './written.ts';

/**
 * Length limit for formatting in this thread (characters), which takes some 20 ms; a longer text is
 * formatted in a separate thread, so that it does not block others.
 */
const longestAtOnce = 10_000;
/**
 * For each Markdown mark the parser may scan the whole text: a million such steps take some 20 ms.
 */
const mostLooks = 2_000_000;

/** Limits on the time (ms) and memory for one text. */
const limitMs = 10_000;
const resourceLimits = { maxOldGenerationSizeMb: 128, maxYoungGenerationSizeMb: 16 };

const Writing = z.tuple([
  z.object({ parts: z.array(z.string()), opening: z.string(), minutes: z.number() }),
]);

/** Whether a text is parsed quickly, whatever it contains. */
export function isQuick(markdown: string): boolean {
  return (
    markdown.length <= longestAtOnce &&
    (markdown.match(/[*_~`[\]<|]/g)?.length ?? 0) * markdown.length <= mostLooks
  );
}

/**
 * Formats Markdown for the chat without blocking the process. A text that takes too long is sent
 * unformatted.
 */
export async function writeForChat(markdown: string, ms: number = limitMs): Promise<Written> {
  if (isQuick(markdown)) return writeText(markdown);
  const thread = new Worker(new URL('./writing-thread.ts', import.meta.url), {
    env: {},
    resourceLimits,
    workerData: markdown,
  });
  try {
    return Writing.parse(await once(thread, 'message', { signal: AbortSignal.timeout(ms) }))[0];
  } catch {
    return writeAsItIs(markdown);
  } finally {
    await thread.terminate();
  }
}
