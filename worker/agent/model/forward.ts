import type {
  IncomingHttpHeaders,
  IncomingMessage,
  OutgoingHttpHeaders,
  ServerResponse,
} from 'node:http';
import { request as httpRequest } from 'node:http';
import type { Agent as HttpAgent } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { pipeline } from 'node:stream';
import {
  createBrotliDecompress,
  createInflate,
  createUnzip,
  createZstdDecompress,
} from 'node:zlib';
import { reportError } from '../../../shared/runtime/errors.ts';
import type { Log } from '../../../shared/runtime/log.ts';
import type { Entry } from './account.ts';
import { createJsonUsageReader, createStreamUsageReader } from './usage-reader.ts';
import type { UsageReader } from './usage-reader.ts';

/**
 * Headers that concern one connection and not the message (RFC 9110, 7.6.1), and its length, which
 * is said anew.
 */
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
 * What must not reach the service from here: credentials of another kind, and what some servers
 * take for another method, path or host.
 */
const kept =
  /^(?:content-length|expect|host|accept-encoding|cookie|authorization|x-api-key|forwarded|x-forwarded-.*|x-original-.*|x-rewrite-.*|x-http-method.*|x-method-override)$/;

export type Forwarding = {
  request: IncomingMessage;
  response: ServerResponse;
  /** The whole body; undefined for a request without one. */
  body: Buffer | undefined;
  target: URL;
  agent: HttpAgent;
  credential: { header: string; value: string };
  /** Where it is booked; undefined for what costs nothing. */
  entry: Entry | undefined;
  log: Log;
};

/**
 * Sends a request on and its answer back as it comes, and books what passes. When one side ends
 * early, so does the other. The answer is asked for without compression, so that each piece can be
 * read as it passes.
 */
export function forward({
  request,
  response,
  body,
  target,
  agent,
  credential,
  entry,
  log,
}: Forwarding): void {
  const headers: OutgoingHttpHeaders = {
    ...onward(request.headers),
    host: target.host,
    'accept-encoding': 'identity',
    [credential.header]: credential.value,
    ...(body ? { 'content-length': body.length } : {}),
  };
  const send = target.protocol === 'https:' ? httpsRequest : httpRequest;
  const outgoing = send(target, { method: request.method, agent, headers });
  let isAnswered = false;
  outgoing.on('response', (answer) => {
    isAnswered = true;
    const isGood =
      answer.statusCode !== undefined && answer.statusCode >= 200 && answer.statusCode < 300;
    // What is refused costs nothing.
    if (!isGood) entry?.settle(undefined, true);
    else if (entry) bookAnswer(answer, entry);
    response.writeHead(answer.statusCode ?? 502, withoutHops(answer.headers));
    response.flushHeaders();
    // An answer that breaks off is broken off here, too; that the client's side has gone is no
    // error.
    pipeline(answer, response, () => undefined);
  });
  outgoing.on('error', (error) => {
    if (response.destroyed) return;
    // Without an answer there is no charge.
    if (!isAnswered) entry?.settle(undefined, true);
    const { code, message } = reportError(error);
    log.warn({ err: error }, 'the model’s service was not reached');
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
    // Nothing was heard of its cost yet, though the service may work on it.
    if (!isAnswered) entry?.settle(undefined, false);
  });
  outgoing.end(body);
}

/** Follows a good answer as it passes, and books it at its beginning and its end. */
function bookAnswer(answer: IncomingMessage, entry: Entry): void {
  const isStream = /^text\/event-stream\b/i.test(answer.headers['content-type'] ?? '');
  const reader = isStream
    ? createStreamUsageReader((seen) =>
        seen.isWhole ? entry.settle(seen, true) : entry.book(seen),
      )
    : createJsonUsageReader();
  const finish = (): void => {
    reader.end();
    const seen = reader.seen();
    entry.settle(seen.hasBegun ? seen : undefined, seen.hasBegun);
  };
  const tap = createTap(answer.headers['content-encoding'], reader, finish);
  // Before the pipe: what has passed is booked when the other side has it.
  answer.on('data', tap.write);
  answer.on('close', tap.end);
}

/** The most of a decompressed answer that is read (bytes). */
const longestAnswer = 256 * 1024 * 1024;

/**
 * Hands what passes to the reader, decompressed where the service compresses all the same; then
 * `finish` follows once everything is read.
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
 * Answers in the form of the Messages API's errors (docs.anthropic.com/en/api/errors). What of the
 * request has not arrived yet is read and dropped.
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
