import { createServer } from 'node:http';
import type { RequestListener, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Running } from '../shared/lifecycle.ts';

/** How long requests under way may take at a stop (ms); Twilio itself gives up after 15 s. */
const stopPatience = 5000;

/**
 * What one client may cost. Headers and bodies that trickle in are cut off, since nothing that Twilio sends takes seconds; a connection on which nothing
 * moves is closed; and there are only so many connections, each of which takes memory. Times in ms.
 */
const limits = { requestTimeout: 10_000, headersTimeout: 8000, connectionsCheckingInterval: 2000, maxHeaderSize: 16 * 1024, keepAliveTimeout: 65_000 };
const idleMs = 70_000;
const mostHeaders = 100;
const mostConnections = 2000;

/** Serves until it is stopped. Throws when the port is taken. */
export async function runServer(port: number, host: string | undefined, listener: RequestListener): Promise<Running & { port: number }> {
  const server = createServer(limits, listener);
  server.setTimeout(idleMs);
  server.maxHeadersCount = mostHeaders;
  server.maxConnections = mostConnections;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, ...(host ? { host } : {}) }, resolve);
  });
  return { port: (server.address() as AddressInfo).port, stop: () => close(server) };
}

/** Takes nothing new, lets what is under way end, and cuts off what has not ended in time. */
async function close(server: Server): Promise<void> {
  const timer = setTimeout(() => server.closeAllConnections(), stopPatience);
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
  clearTimeout(timer);
}
