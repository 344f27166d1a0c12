import { createServer, request as ask } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Running } from '../shared/runtime/lifecycle.ts';

/**
 * One exchange: the request's method and path, the time of its complete arrival and the time its
 * answer was forwarded completely (ms since 1970).
 */
export type Noted = { method: string; path: string; requestedAt: number; answeredAt: number };

/**
 * Forwards everything to a server on this machine and records the times. `onRequest` and
 * `onAnswered` are called at these moments.
 */
export async function runNotingProxy(
  target: string,
  noted: { onRequest?: (seen: Noted) => void; onAnswered?: (seen: Noted) => void },
): Promise<Running & { url: string }> {
  const server = createServer((near, response) => {
    const seen: Noted = {
      method: near.method ?? '',
      path: new URL(near.url ?? '/', target).pathname,
      requestedAt: Number.NaN,
      answeredAt: Number.NaN,
    };
    near.on('end', () => {
      seen.requestedAt = now();
      noted.onRequest?.(seen);
    });
    const far = ask(
      new URL(near.url ?? '/', target),
      { method: near.method ?? 'GET', headers: near.headers },
      (answer: IncomingMessage) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        // Each chunk is forwarded as it arrives; the end is recorded before it is forwarded.
        answer.on('end', () => {
          seen.answeredAt = now();
          noted.onAnswered?.(seen);
        });
        answer.pipe(response);
      },
    );
    far.on('error', () => response.destroy());
    response.on('close', () => far.destroy());
    near.pipe(far);
  });
  await new Promise<void>((resolve) => void server.listen({ port: 0, host: '127.0.0.1' }, resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async stop() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => void server.close(() => resolve()));
    },
  };
}

/** The time in ms since 1970, with fractions. */
const now = (): number => performance.timeOrigin + performance.now();
