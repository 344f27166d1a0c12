import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Running } from '../../shared/runtime/lifecycle.ts';
import { http } from '../../shared/runtime/http/http.ts';
import { listen } from '../../shared/runtime/http/listen.ts';
import { createRateLimit } from './rate-limit.ts';
import type { UnsignedRateLimit } from './unsigned-rate-limit.ts';
import { createConnections, createRequestBounds } from './connections.ts';

/** How long open requests may take at a stop (ms); Twilio itself gives up after 15 s. */
const stopPatience = 5000;

/**
 * Limits per client. Slow headers and bodies are cut off, since nothing from Twilio takes seconds,
 * and so are idle connections. Times in ms. Headers may have 8 kB: Twilio's have 1.5 kB, a
 * browser's with all cookies of its own 4 kB.
 */
const limits = {
  requestTimeout: 10_000,
  headersTimeout: 6000,
  connectionsCheckingInterval: 1000,
  maxHeaderSize: 8 * 1024,
  keepAliveTimeout: 65_000,
};
const idleMs = 70_000;
const mostHeaders = 100;

/** The time limit for a connection's first byte (ms). */
const firstByteMs = 5000;

/**
 * The most open connections: each takes up to 30 kB. WhatsApp sends up to 100 pictures at once,
 * each as a webhook, and proxies reuse a connection for many requests.
 */
const mostConnections = 500;
const mostAtOnce = 8;
const mostUnanswered = 16;

/** The response to a request that is cut off at its header. */
const refusal =
  'HTTP/1.1 429 Too Many Requests\r\nRetry-After: 60\r\nContent-Length: 0\r\nConnection: close\r\n\r\n';

/**
 * How much of a body is still read and dropped after the answer (bytes), so that a sender that
 * keeps sending reads the answer.
 */
const mostDropped = 1024 * 1024;

/**
 * The most chunks of a body: a form of 64 kB in packets of 1,460 bytes has 45. One read can bring
 * 10,000, which take Node 6 ms, as much as 20 bad requests. After some of these in a minute,
 * chunked bodies are accepted only from addresses that have sent a signed request; Twilio sends a
 * Content-Length.
 */
const mostPieces = 500;
const crumbsWeigh = 20;
const mostCrumbled = 30;

export type ServerOptions = {
  port: number;
  /** The address to listen on; undefined for all of the machine's. */
  host: string | undefined;
  listener: RequestListener;
  unsignedRateLimit: Pick<
    UnsignedRateLimit,
    'turnsAway' | 'trusts' | 'noteWrong' | 'trustsConnection'
  >;
  /** The clock whose minutes limit bodies in crumbs (ms since 1970). */
  now?: () => number;
};

/** Serves until stopped. Throws SetupError when the port is taken. */
export async function runServer({
  port,
  host,
  listener,
  unsignedRateLimit,
  now = Date.now,
}: ServerOptions): Promise<Running & { port: number }> {
  const connections = createConnections({
    mostOpen: mostConnections,
    mostAtOnce,
    mostUnanswered,
    isTrusted: unsignedRateLimit.trustsConnection,
  });
  const crumbled = createRateLimit(mostCrumbled, now);
  const isSuspect = (request: IncomingMessage): boolean =>
    (unsignedRateLimit.turnsAway(request) || crumbled.isUsedUp('all')) &&
    !unsignedRateLimit.trusts(request);
  const server = http.createServer(
    { ...limits, ...createRequestBounds({ mayBegin: connections.mayBegin, isSuspect }) },
    (request, response) => {
      // Until now the short first-byte timeout applied.
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
  return { port: await listen(server, { port, host }), stop: () => close(server) };
}

/** Closes a connection whose body arrives in too many chunks. */
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

/** Limits the rest of a body, which Node keeps reading after the answer. */
function limitRest(request: IncomingMessage): void {
  if (request.complete) return;
  let dropped = 0;
  request.on('data', (chunk: Buffer) => {
    dropped += chunk.length;
    if (dropped > mostDropped) request.socket.destroy();
  });
}

/**
 * Answers without a body and closes the connection. Reads and drops the rest for a moment: closing
 * with unread bytes resets the connection, and the answer is lost.
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

/** How long a connection lingers after its final answer, and how much is read meanwhile (bytes). */
const lingerMs = 1000;
const mostLingering = 64 * 1024;

/** Stops accepting, lets open requests finish, and cuts off the rest at the time limit. */
async function close(server: Server): Promise<void> {
  const timer = setTimeout(() => server.closeAllConnections(), stopPatience);
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
  clearTimeout(timer);
}
