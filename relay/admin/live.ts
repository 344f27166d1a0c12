import type { Request, RequestHandler, Response } from 'express';

/** How often an open page is written again (ms). */
const lookMs = 3000;

/** How often a page that has not changed is sent all the same, for its times (ms). */
const refreshMs = 30_000;

/** How many pages may be open at once; a further one is not kept current. */
const mostOpen = 20;

/** What an open page gets: its content, and the words of its footer. */
export type LivePart = { content: string; footer: string };

export type LiveParts = {
  /** Writes the page of an address; undefined without such a page. */
  write: (request: Request, address: URL) => Promise<LivePart | undefined>;
  /** Aborts when the relay stops: the streams end. */
  closing: AbortSignal;
};

/**
 * `GET /admin/live?page=PATH`: server-sent events with the content of a page whenever it has
 * changed. Without an open page nothing is read.
 */
export function createLive({ write, closing }: LiveParts): RequestHandler {
  let open = 0;
  return async (request, response) => {
    const address = addressOf(request);
    const first = address && open < mostOpen ? await write(request, address) : undefined;
    if (!address || !first || closing.aborted) {
      // EventSource tries again after an error, and never after 204.
      response.status(204).end();
      return;
    }
    open += 1;
    const end = follow(response, first, () => write(request, address), closing);
    response.once('close', () => {
      open -= 1;
      end();
    });
  };
}

/** The page that is asked for: a path below `/admin`. */
function addressOf(request: Request): URL | undefined {
  const { page } = request.query;
  if (typeof page !== 'string' || page.length > 2000 || !/^\/admin(?:[/?]|$)/.test(page))
    return undefined;
  return new URL(page, 'http://localhost');
}

/** What counts as a change: everything but how long ago something was. */
const withoutTimes = (content: string): string => content.replaceAll(/<time [^<]*<\/time>/g, '');

/** Sends the page until the response ends; returns what ends it. */
function follow(
  response: Response,
  first: LivePart,
  write: () => Promise<LivePart | undefined>,
  closing: AbortSignal,
): () => void {
  let last = withoutTimes(first.content);
  let sentAt = Date.now();
  let timer: NodeJS.Timeout | undefined;
  response.writeHead(200, {
    'Content-Type': 'text/event-stream; charset=utf-8',
    'Cache-Control': 'no-cache, no-transform',
    'X-Accel-Buffering': 'no',
  });
  response.write(`retry: ${lookMs}\n\n`);
  const look = async (): Promise<void> => {
    // Redis may be away for a while: the page stays as it is.
    const part = await write().catch(() => undefined);
    if (response.closed) return;
    const isDue = Date.now() - sentAt >= refreshMs;
    if (part && (isDue || withoutTimes(part.content) !== last)) {
      last = withoutTimes(part.content);
      sentAt = Date.now();
      response.write(`data: ${JSON.stringify(part)}\n\n`);
    } else if (isDue) {
      sentAt = Date.now();
      response.write(': still here\n\n');
    }
    timer = setTimeout(() => void look(), lookMs);
  };
  timer = setTimeout(() => void look(), lookMs);
  const stop = (): void => void response.end();
  closing.addEventListener('abort', stop, { once: true });
  return () => {
    clearTimeout(timer);
    closing.removeEventListener('abort', stop);
  };
}
