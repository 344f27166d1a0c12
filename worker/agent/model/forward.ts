import type {
  IncomingHttpHeaders,
  IncomingMessage,
  OutgoingHttpHeaders,
  ServerResponse,
} from 'node:http';
import type { Agent as HttpAgent } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { pipeline } from 'node:stream';
import {
  createBrotliDecompress,
  createInflate,
  createUnzip,
  createZstdDecompress,
} from 'node:zlib';
import { http } from '../../../shared/runtime/http/http.ts';
import { reportError } from '../../../shared/runtime/errors.ts';
import type { Log } from '../../../shared/runtime/log.ts';
import type { Entry } from './account.ts';
import { createJsonUsageReader, createStreamUsageReader } from './usage-reader.ts';
import type { UsageReader } from './usage-reader.ts';

/** Hop-by-hop headers (RFC 9110, 7.6.1), and the length, which is recomputed. */
const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/**
 * Headers that must not be forwarded: other credentials, and what some servers read as another
 * method, path or host.
 */
const kept =
  /^(?:content-length|expect|host|accept-encoding|cookie|authorization|x-api-key|forwarded|x-forwarded-.*|x-original-.*|x-rewrite-.*|x-http-method.*|x-method-override)$/;

/** A request of Claude Code's; `body` is undefined for a request without one. */
export type Exchange = {
  request: IncomingMessage;
  response: ServerResponse;
  body: Buffer | undefined;
};

/** Where a request goes, and with which key. */
export type Upstream = {
  target: URL;
  agent: HttpAgent;
  credential: { header: string; value: string };
};

/**
 * Forwards a request, streams its answer back, and books the usage as it passes. When one side ends
 * early, so does the other. The answer is requested uncompressed, so that each piece can be read as
 * it passes. `entry` books the request; undefined for requests that cost nothing.
 */
export function forward(
  { request, response, body }: Exchange,
  { target, agent, credential }: Upstream,
  entry: Entry | undefined,
  log: Log,
): void {
  const headers: OutgoingHttpHeaders = {
    ...onward(request.headers),
    host: target.host,
    'accept-encoding': 'identity',
    [credential.header]: credential.value,
    ...(body ? { 'content-length': body.length } : {}),
  };
  const send = target.protocol === 'https:' ? httpsRequest : http.request;
  const outgoing = send(target, { method: request.method, agent, headers });
  let isAnswered = false;
  outgoing.on('response', (answer) => {
    isAnswered = true;
    const isGood =
      answer.statusCode !== undefined && answer.statusCode >= 200 && answer.statusCode < 300;
    // A refused request costs nothing.
    if (!isGood) entry?.close(undefined, true);
    else if (entry) bookAnswer(answer, entry);
    response.writeHead(answer.statusCode ?? 502, withoutHops(answer.headers));
    response.flushHeaders();
    // An answer that breaks off is cut off here, too; a client that has left is not an error.
    pipeline(answer, response, () => undefined);
  });
  outgoing.on('error', (error) => {
    if (response.destroyed) return;
    // No charge without an answer.
    if (!isAnswered) entry?.close(undefined, true);
    const { code, message } = reportError(error);
    log.warn({ err: error }, 'model service unreachable');
    if (response.headersSent) response.destroy();
    else
      refuse(
        response,
        502,
        'api_error',
        `The model’s service was not reached (${code ?? message}).`,
      );
  });
  response.on('close', () => {
    if (response.writableFinished) return;
    outgoing.destroy();
    // No cost was reported yet, though the service may be working on the request.
    if (!isAnswered) entry?.close(undefined, false);
  });
  outgoing.end(body);
}

/** Reads a successful answer as it passes, and books it at its start and end. */
function bookAnswer(answer: IncomingMessage, entry: Entry): void {
  const isStream = /^text\/event-stream\b/i.test(answer.headers['content-type'] ?? '');
  const reader = isStream
    ? createStreamUsageReader((seen) => (seen.isWhole ? entry.close(seen, true) : entry.book(seen)))
    : createJsonUsageReader();
  const finish = (): void => {
    reader.end();
    const seen = reader.seen();
    entry.close(seen.hasBegun ? seen : undefined, seen.hasBegun);
  };
  const tap = createTap(answer.headers['content-encoding'], reader, finish);
  // Registered before the pipe, so usage is booked by the time the other side has it.
  answer.on('data', tap.write);
  answer.on('close', tap.end);
}

/** Read limit for a decompressed answer (bytes). */
const longestAnswer = 256 * 1024 * 1024;

/**
 * Passes the stream to the reader, decompressed where the service compresses anyway; calls `finish`
 * once everything is read.
 */
function createTap(
  encoding: string | undefined,
  reader: UsageReader,
  finish: () => void,
): { write(chunk: Buffer): void; end(): void } {
  const decoder = decoderFor(encoding);
  if (!decoder) return { write: reader.feed, end: finish };
  let size = 0;
  decoder.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > longestAnswer) decoder.destroy();
    else reader.feed(chunk);
  });
  decoder.on('error', () => undefined);
  decoder.on('close', finish);
  return { write: (chunk) => void decoder.write(chunk), end: () => void decoder.end() };
}

function decoderFor(encoding: string | undefined): ReturnType<typeof createUnzip> | undefined {
  switch (encoding?.trim().toLowerCase()) {
    case 'gzip':
    case 'x-gzip':
      return createUnzip();
    case 'deflate':
      return createInflate();
    case 'br':
      return createBrotliDecompress();
    case 'zstd':
      return createZstdDecompress();
    default:
      return undefined;
  }
}

function withoutHops(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  const named = new Set(
    (headers.connection ?? '').split(',').map((name) => name.trim().toLowerCase()),
  );
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => !hopByHop.has(name) && !named.has(name)),
  );
}

function onward(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  return Object.fromEntries(
    Object.entries(withoutHops(headers)).filter(([name]) => !kept.test(name)),
  );
}

/**
 * Answers with an error in the Messages API's form (docs.anthropic.com/en/api/errors). The rest of
 * the request is read and dropped.
 */
export function refuse(
  response: ServerResponse,
  status: number,
  type: string,
  message: string,
  headers: OutgoingHttpHeaders = {},
): void {
  if (response.headersSent || response.destroyed) return;
  response
    .writeHead(status, { 'Content-Type': 'application/json', ...headers })
    .end(JSON.stringify({ type: 'error', error: { type, message } }));
}
