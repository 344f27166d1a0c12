import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Running } from '../shared/runtime/lifecycle.ts';

/**
 * The wake address of a machine, on a free port of 127.0.0.1: a call with the secret waits until
 * `wake` has settled, and is answered 204, or 503 if the machine does not come up.
 */
export async function runWakeServer(
  secret: string,
  wake: () => Promise<boolean>,
): Promise<Running & { url: string }> {
  const server = createServer((request, response) => {
    const answer = (status: number): void => void response.writeHead(status).end();
    if (request.method !== 'POST' || request.url !== '/wake') return answer(404);
    if (request.headers.authorization !== `Bearer ${secret}`) return answer(401);
    void wake().then((isUp) => answer(isUp ? 204 : 503));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port: 0, host: '127.0.0.1' }, resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}
