import { createServer } from 'node:http';
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Running } from '../../shared/runtime/lifecycle.ts';
import { createRateLimit } from './rate-limit.ts';
import type { UnsignedRateLimit } from './unsigned-rate-limit.ts';
import { createConnections, createRequestBounds } from './connections.ts';

/** How long requests under way may take at a stop (ms); Twilio itself gives up after 15 s. */
const stopPatience = 5000;

/**
 * What one client may cost. Headers and bodies that trickle in are cut off, since nothing that
 * Twilio sends takes seconds, and so is a connection on which nothing moves. Times in ms.
 */
const limits = {
  requestTimeout: 10_000,
  headersTimeout: 6000,
  connectionsCheckingInterval: 1000,
  maxHeaderSize: 16 * 1024,
  keepAliveTimeout: 65_000,
};
const idleMs = 70_000;
const mostHeaders = 100;

/** How long a connection may take to send its first byte (ms). */
const firstByteMs = 5000;

/**
 * How many connections may be open: each takes up to 30 kB. WhatsApp sends up to 100 pictures at
 * once, each a webhook, and proxies use a connection for many requests.
 */
const mostConnections = 500;
const mostAtOnce = 8;
const mostUnanswered = 16;

/** What is said to a request that is cut off at its header. */
const refusal =
  'HTTP/1.1 429 Too Many Requests\r\nRetry-After: 60\r\nContent-Length: 0\r\nConnection: close\r\n\r\n';

/**
 * How much of a body is still read and dropped after the answer (bytes), so that a sender that goes
 * on reads the answer.
 */
const mostDropped = 1024 * 1024;

/**
 * The most chunks of a body: a form of 64 kB in packets of 1,460 bytes has 45. One read can bring
 * 10,000, which take Node 6 ms, as much as 20 wrong requests. After some such in a minute chunks
 * are taken from those only who have sent something signed; Twilio says how long its forms are.
 */
const mostPieces = 500;
const crumbsWeigh = 20;
const mostCrumbled = 30;

export type ServerOptions = {
  port: number;
  /** The address to listen on; undefined: all of the machine's. */
  host: string | undefined;
  listener: RequestListener;
  unsignedRateLimit: Pick<
    UnsignedRateLimit,
    'turnsAway' | 'trusts' | 'noteWrong' | 'trustsConnection'
  >;
};

/** Serves until it is stopped. Throws when the port is taken. */
export async function runServer({
  port,
  host,
  listener,
  unsignedRateLimit,
}: ServerOptions): Promise<Running & { port: number }> {
  const connections = createConnections({
    mostOpen: mostConnections,
    mostAtOnce,
    mostUnanswered,
    isTrusted: unsignedRateLimit.trustsConnection,
  });
  const crumbled = createRateLimit(mostCrumbled);
  const isSuspect = (request: IncomingMessage): boolean =>
    (unsignedRateLimit.turnsAway(request) || crumbled.isUsedUp('all')) &&
    !unsignedRateLimit.trusts(request);
  const server = createServer(
    { ...limits, ...createRequestBounds({ mayBegin: connections.mayBegin, isSuspect }) },
    (request, response) => {
      // Until now the connection had to send its first byte soon.
      request.socket.setTimeout(idleMs);
      connections.serve(request, response);
      if (request.headers['transfer-encoding'] !== undefined) {
        limitPieces(request, () => {
          crumbled.take('all');
          unsignedRateLimit.noteWrong(request, crumbsWeigh);
        });
      }
      response.once('finish', () => limitRest(request));
      listener(request, response);
    },
  );
  server.setTimeout(idleMs);
  server.maxHeadersCount = mostHeaders;
  server.on('upgrade', (_request, socket) => {
    socket.on('error', () => undefined);
    socket.end(refusal, () => void socket.destroy());
  });
  server.on('connection', (socket: Socket) => {
    socket.setTimeout(firstByteMs);
    connections.admit(socket);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, ...(host ? { host } : {}) }, resolve);
  });
  return { port: (server.address() as AddressInfo).port, stop: () => close(server) };
}

/** Ends a connection whose body comes in crumbs. */
function limitPieces(request: IncomingMessage, onCrumbs: () => void): void {
  let pieces = 0;
  const push = request.push.bind(request);
  request.push = (chunk, encoding) => {
    if (chunk === null || pieces < mostPieces) {
      pieces += 1;
      return push(chunk, encoding);
    }
    if (!request.destroyed) {
      onCrumbs();
      request.destroy();
    }
    return true;
  };
}

/** After the answer Node reads the rest of a body for as long as it comes. */
function limitRest(request: IncomingMessage): void {
  if (request.complete) return;
  let dropped = 0;
  request.on('data', (chunk: Buffer) => {
    dropped += chunk.length;
    if (dropped > mostDropped) request.socket.destroy();
  });
}

/**
 * Answers without a body and closes the connection, whose rest is read and dropped for a moment: a
 * connection that is closed over bytes that nobody has read is reset, and the answer lost.
 */
export function answerAndClose(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  headers: Record<string, string>,
): void {
  response.writeHead(status, { ...headers, 'Content-Length': '0', Connection: 'close' });
  if (request.complete || request.destroyed) {
    response.end();
    return;
  }
  response.flushHeaders();
  let dropped = 0;
  const end = (): void => {
    clearTimeout(timer);
    response.end();
  };
  const timer = setTimeout(end, lingerMs);
  request.on('data', (chunk: Buffer) => {
    dropped += chunk.length;
    if (dropped > mostLingering) end();
  });
  request.once('end', end).once('close', end);
}

/** How long, and how much (bytes), a connection goes on that is closed after its answer. */
const lingerMs = 1000;
const mostLingering = 64 * 1024;

/** Takes nothing new, lets what is under way end, and cuts off what has not ended in time. */
async function close(server: Server): Promise<void> {
  const timer = setTimeout(() => server.closeAllConnections(), stopPatience);
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
  clearTimeout(timer);
}
