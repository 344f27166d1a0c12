import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { z } from 'zod';
import { writeAsItIs, writeText } from './written.ts';
import type { Written } from './written.ts';

/**
 * Up to so many characters are written at once, which takes some 20 ms; a longer text is written in
 * a thread of its own, so that everybody else is served meanwhile.
 */
const longestAtOnce = 10_000;
/**
 * For each mark of Markdown the reader may look through all of the text: a million of such looks
 * take some 20 ms.
 */
const mostLooks = 2_000_000;

/** How long a text may take (ms), and what it may take of the memory. */
const limitMs = 10_000;
const resourceLimits = { maxOldGenerationSizeMb: 128, maxYoungGenerationSizeMb: 16 };

const Writing = z.tuple([
  z.object({ parts: z.array(z.string()), opening: z.string(), minutes: z.number() }),
]);

/** Whether a text is read in no time, whatever is in it. */
export function isQuick(markdown: string): boolean {
  return (
    markdown.length <= longestAtOnce &&
    (markdown.match(/[*_~`[\]<|]/g)?.length ?? 0) * markdown.length <= mostLooks
  );
}

/**
 * Writes Markdown for the chat without holding up the process. A text that takes too long is sent
 * as it is.
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
