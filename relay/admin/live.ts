import type { Request, RequestHandler, Response } from 'express';

/** How often an open page is written again (ms). */
const lookMs = 3000;

/** How soon after news it is written again (ms). */
const newsMs = 300;

/** How often a page that has not changed is sent all the same, for its times (ms). */
const refreshMs = 30_000;

/** How many pages may be open at once; a further one is not kept current. */
const mostOpen = 20;

/** What an open page gets: its content, and the words of its footer. */
export type LivePart = { content: string; footer: string };

export type LiveDeps = {
  /** Writes the page of an address; undefined without such a page. */
  write: (request: Request, address: URL) => Promise<LivePart | undefined>;
  /**
   * Calls `onNews` when there is news of the page; returns what ends that, undefined for a page
   * without news.
   */
  follow?: (address: URL, onNews: () => void) => (() => void) | undefined;
  /** Whether the request still has its session: a page that had one ends with it. */
  isSignedIn: (request: Request) => Promise<boolean>;
  /** Aborts when the relay stops: the streams end. */
  closing: AbortSignal;
};

/**
 * `GET /admin/live?page=PATH`: server-sent events with the content of a page whenever it has
 * changed, and `{"gone":true}` at the end of the session. Without an open page nothing is read.
 */
export function createLive({ write, follow: hear, isSignedIn, closing }: LiveDeps): RequestHandler {
  let open = 0;
  return async (request, response) => {
    const address = request.method === 'GET' ? addressOf(request) : undefined;
    const refuse = (): void => void response.status(204).end();
    if (!address || open >= mostOpen) return refuse();
    open += 1;
    response.once('close', () => (open -= 1));
    // A program may ask with the password instead.
    const hadSession = await isSignedIn(request);
    const first = await write(request, address);
    if (!first || closing.aborted || response.closed) return refuse();
    const next = async (): Promise<LivePart | 'gone' | undefined> =>
      hadSession && !(await isSignedIn(request)) ? 'gone' : await write(request, address);
    const { end, hurry } = follow(response, first, next, closing);
    const endNews = hear?.(address, hurry);
    response.once('close', () => {
      endNews?.();
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

/** Sends the page until the response ends; returns what ends it, and what lets it look soon. */
function follow(
  response: Response,
  first: LivePart,
  write: () => Promise<LivePart | 'gone' | undefined>,
  closing: AbortSignal,
): { end: () => void; hurry: () => void } {
  let last = withoutTimes(first.content);
  let sentAt = Date.now();
  let timer: NodeJS.Timeout | undefined;
  let [isLooking, isHurried] = [false, false];
  response.writeHead(200, {
    'Content-Type': 'text/event-stream; charset=utf-8',
    'Cache-Control': 'no-cache, no-transform',
    'X-Accel-Buffering': 'no',
  });
  response.write(`retry: ${lookMs}\n\n`);
  const look = async (): Promise<void> => {
    [isLooking, isHurried] = [true, false];
    // Redis may be away for a while: the page stays as it is.
    const part = await write().catch(() => undefined);
    if (response.closed) return;
    if (part === 'gone') {
      response.end('data: {"gone":true}\n\n');
      return;
    }
    const isDue = Date.now() - sentAt >= refreshMs;
    if (part && (isDue || withoutTimes(part.content) !== last)) {
      last = withoutTimes(part.content);
      sentAt = Date.now();
      response.write(`data: ${JSON.stringify(part)}\n\n`);
    } else if (isDue) {
      sentAt = Date.now();
      response.write(': still here\n\n');
    }
    isLooking = false;
    timer = setTimeout(() => void look(), isHurried ? newsMs : lookMs);
  };
  timer = setTimeout(() => void look(), lookMs);
  const hurry = (): void => {
    if (isHurried || response.closed) return;
    isHurried = true;
    if (isLooking) return;
    clearTimeout(timer);
    timer = setTimeout(() => void look(), newsMs);
  };
  const stop = (): void => void response.end();
  closing.addEventListener('abort', stop, { once: true });
  const end = (): void => {
    clearTimeout(timer);
    closing.removeEventListener('abort', stop);
  };
  return { end, hurry };
}
