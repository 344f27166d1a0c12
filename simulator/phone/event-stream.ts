import type { Request, Response } from 'express';
import type { ChatEvent } from '../chat.ts';

/**
 * Proxies and browsers drop a silent stream after about a minute; a comment this often keeps it
 * alive.
 */
const keepAliveEveryMs = 15_000;

/** How soon a page should come back after a lost connection. */
const retryMs = 1000;

/**
 * Server-sent events (WHATWG HTML, section 9.2) to every open page. Nothing is replayed: a page
 * that reconnects reads the state again. `close` ends every stream, which the pages see as a lost
 * connection.
 */
export class EventStream {
  readonly #open = new Set<Response>();
  readonly #keepAlive: NodeJS.Timeout;

  constructor(keepAliveMs = keepAliveEveryMs) {
    this.#keepAlive = setInterval(() => this.#write(': still here\n\n'), keepAliveMs);
    this.#keepAlive.unref();
  }

  /** Answers a request for events and keeps it open until either side goes away. */
  attach(_request: Request, response: Response): void {
    response.writeHead(200, {
      'Content-Type': 'text/event-stream',
      'Cache-Control': 'no-store',
      Connection: 'keep-alive',
    });
    response.write(`retry: ${retryMs}\n\n`);
    this.#open.add(response);
    response.on('close', () => this.#open.delete(response));
    response.on('error', () => this.#open.delete(response));
  }

  send(event: ChatEvent): void {
    this.#write(`data: ${JSON.stringify(event)}\n\n`);
  }

  close(): void {
    clearInterval(this.#keepAlive);
    for (const response of this.#open) response.end();
    this.#open.clear();
  }

  #write(chunk: string): void {
    for (const response of this.#open) response.write(chunk);
  }
}
