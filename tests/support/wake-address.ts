import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A wake address whose answers a test decides. */
export type WakeAddress = {
  url: string;
  /** The calls so far: when (ms since 1970), and what they brought. */
  calls: { at: number; method: string; path: string; authorization: string | undefined }[];
  /** How many calls were open at the same time at most. */
  mostOpen(): number;
  stop(): Promise<void>;
};

/** Runs the address; `answer` is asked at each call, the first being 1, and may take its time. */
export async function runWakeAddress(
  answer: (call: number, response: ServerResponse) => void | Promise<void>,
): Promise<WakeAddress> {
  const calls: WakeAddress['calls'] = [];
  let open = 0;
  let most = 0;
  const server = createServer((request, response) => {
    calls.push({
      at: Date.now(),
      method: request.method ?? '',
      path: request.url ?? '',
      authorization: request.headers.authorization,
    });
    open += 1;
    most = Math.max(most, open);
    response.once('close', () => (open -= 1));
    void answer(calls.length, response);
  });
  await new Promise<void>((resolve) => void server.listen({ port: 0, host: '127.0.0.1' }, resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    mostOpen: () => most,
    async stop() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => void server.close(() => resolve()));
    },
  };
}

/** Answers of a wake address. */
export const refuse = (response: ServerResponse, status = 503): void =>
  void response.writeHead(status).end();
export const accept = (response: ServerResponse): void => void response.writeHead(204).end();
export const reset = (response: ServerResponse): void => void response.destroy();
