import type { IncomingMessage, ServerResponse } from 'node:http';

/**
 * `GET /health` (the process is alive) and `GET /ready` (Redis answers, too), as a plain handler in
 * front of Express, since they are polled before anything else and all the time. Returns false for
 * other requests.
 */
export function createProbes(
  isReady: () => Promise<boolean>,
): (request: IncomingMessage, response: ServerResponse) => boolean {
  return (request, response) => {
    const path = request.url?.split('?', 1)[0];
    if (
      (request.method !== 'GET' && request.method !== 'HEAD') ||
      (path !== '/health' && path !== '/ready')
    )
      return false;
    const answer = (isWell: boolean): void => {
      const body = JSON.stringify({ status: isWell ? 'ok' : 'no Redis' });
      response.writeHead(isWell ? 200 : 503, {
        'Content-Type': 'application/json; charset=utf-8',
        'Content-Length': Buffer.byteLength(body),
        'X-Content-Type-Options': 'nosniff',
      });
      // Node omits the body for HEAD.
      response.end(body);
    };
    if (path === '/health') answer(true);
    else isReady().then(answer, () => answer(false));
    return true;
  };
}
