import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Running } from '../../shared/runtime/lifecycle.ts';
import { isSameSecret } from '../../shared/runtime/constant-time.ts';
import { http } from '../../shared/runtime/http/http.ts';
import { listen } from '../../shared/runtime/http/listen.ts';

export type HttpServerOptions = {
  port: number;
  host: string | undefined;
  /** The bearer token that `POST /wake` requires; without one every request is accepted. */
  secret: string | undefined;
  onWake: () => void;
};

/**
 * The worker's small HTTP server: `GET /health`, and `POST /wake`, which starts a stopped machine
 * on Fly. Throws SetupError when the port is taken.
 */
export async function openHttpServer({
  port,
  host,
  secret,
  onWake,
}: HttpServerOptions): Promise<Running & { url: string }> {
  const server = http.createServer((request, response) => {
    const status = answer(request, secret);
    if (status === 204) onWake();
    response
      .writeHead(status, { 'Content-Type': 'application/json' })
      .end(status === 200 ? '{"status":"ok"}' : '');
  });
  return {
    url: `http://127.0.0.1:${await listen(server, { port, host })}`,
    async stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}

function answer(request: IncomingMessage, secret: string | undefined): 200 | 204 | 401 | 404 {
  if (request.method === 'GET' && request.url === '/health') return 200;
  if (request.method !== 'POST' || request.url !== '/wake') return 404;
  return secret === undefined || isEqual(request.headers.authorization ?? '', `Bearer ${secret}`)
    ? 204
    : 401;
}

function isEqual(given: string, expected: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return isSameSecret(digest(given), digest(expected));
}
