import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { z } from 'zod';
import type { PageForm } from '../../shared/store/pages.ts';
import type { Rendered } from './markdown.ts';

/**
 * Renders pages in a worker thread, one at a time: webhooks are answered meanwhile, and a text
 * that takes too much time or memory does not harm the relay. The thread starts with the first page
 * and ends when idle.
 */
export type PageRenderer = {
  /** Throws when the text cannot be rendered in time; later texts are still tried. */
  render(text: string, form?: PageForm): Promise<Rendered>;
  stop(): Promise<void>;
};

/**
 * `startMs` limits the thread's start, `limitMs` the rendering of one text; the thread ends after
 * `idleMs`.
 */
export type RenderTimes = { startMs: number; limitMs: number; idleMs: number };
/** The start reads the highlighter, which takes several seconds on a sixteenth of a core. */
export const renderTimes: RenderTimes = { startMs: 20_000, limitMs: 5000, idleMs: 60_000 };

/** The thread's memory limits on a machine of 256 MB. */
const resourceLimits = { maxOldGenerationSizeMb: 96, maxYoungGenerationSizeMb: 16 };

const Rendering = z.tuple([z.object({ title: z.string(), body: z.string() })]);

export function createPageRenderer(times: RenderTimes = renderTimes): PageRenderer {
  const { startMs, limitMs, idleMs } = times;
  const stopping = new AbortController();
  let thread: RenderThread | undefined;
  let last: Promise<unknown> = Promise.resolve();
  let idle: NodeJS.Timeout | undefined;

  const end = async (): Promise<void> => {
    clearTimeout(idle);
    const ended = thread?.worker;
    thread = undefined;
    await ended?.terminate();
  };
  const within = (ms: number): { signal: AbortSignal } => ({
    signal: AbortSignal.any([stopping.signal, AbortSignal.timeout(ms)]),
  });
  const renderNow = async (text: string, form: PageForm): Promise<Rendered> => {
    stopping.signal.throwIfAborted();
    clearTimeout(idle);
    const current = (thread ??= { worker: startThread(), isReady: false });
    const renderer = current.worker;
    renderer.ref();
    try {
      if (!current.isReady) await once(renderer, 'message', within(startMs));
      current.isReady = true;
      const rendered = once(renderer, 'message', within(limitMs));
      renderer.postMessage({ text, form }, []);
      return Rendering.parse(await rendered)[0];
    } catch (error) {
      await end();
      throw error;
    } finally {
      renderer.unref();
      idle = setTimeout(() => void end(), idleMs).unref();
    }
  };
  return {
    render(text, form = 'answer') {
      const rendering = last.then(() => renderNow(text, form));
      last = rendering.catch(() => undefined);
      return rendering;
    },
    async stop() {
      stopping.abort();
      await last;
      await end();
    },
  };
}

/** A thread; its first message says that it is ready. */
type RenderThread = { worker: Worker; isReady: boolean };

function startThread(): Worker {
  const thread = new Worker(new URL('./render-thread.ts', import.meta.url), {
    env: {},
    resourceLimits,
  });
  // An error between renderings needs no handling: the next rendering fails, and the one after it
  // gets a new thread.
  thread.on('error', () => undefined);
  return thread;
}
