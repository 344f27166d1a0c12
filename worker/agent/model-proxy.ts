import { randomBytes, timingSafeEqual } from 'node:crypto';
import { Agent as HttpAgent, createServer, request as httpRequest } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream';
import type { Environment } from '../../shared/env.ts';
import { reportError } from '../../shared/errors.ts';
import type { Running } from '../../shared/lifecycle.ts';
import type { Log } from '../../shared/log.ts';

/** What pays for the model: an API key, the token of a subscription, or both. */
export type ModelKeys = { ANTHROPIC_API_KEY?: string | undefined; CLAUDE_CODE_OAUTH_TOKEN?: string | undefined };

export type ModelProxyOptions = {
  keys: ModelKeys;
  /** Where the model's service is; undefined is Anthropic's. */
  baseUrl: string | undefined;
  /** The worker's own environment, for its HTTPS_PROXY and NO_PROXY. */
  host: Environment;
  log: Log;
};

export type ModelProxy = Running & {
  /** What Claude Code is given in place of the keys: variables of the same names with placeholders, and this proxy's address. */
  environment: Record<string, string>;
};

/** A key, what stands for it, and the header in which Claude Code sends it (as seen with 2.1.330, with and without ANTHROPIC_BASE_URL). */
type Credential = { variable: keyof ModelKeys; header: 'x-api-key' | 'authorization'; sent: string; real: string; placeholder: string };

/** How long a connection may be idle (ms): here longer than anybody waits between two requests, there short of what servers and gateways close by themselves. */
const idleHereMs = 30 * 60_000;
const idleThereMs = 30_000;

const methods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'DELETE']);

/** Headers that concern one connection and not the message (RFC 9110, 7.6.1). */
const hopByHop: ReadonlySet<string> = new Set(['connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade']);

/**
 * Starts an HTTP server on 127.0.0.1 that stands between Claude Code and the model's service, so that the key never is on the agent's side: a request with the
 * placeholder goes on with the key in its place, and no other request goes on. Bodies stream both ways. Throws when it cannot listen.
 */
export async function runModelProxy({ keys, baseUrl, host, log }: ModelProxyOptions): Promise<ModelProxy> {
  const credentials = createCredentials(keys);
  const service = new URL(baseUrl ?? 'https://api.anthropic.com');
  const agent = service.protocol === 'https:' ? new HttpsAgent({ keepAlive: true, timeout: idleThereMs, proxyEnv: host }) : new HttpAgent({ keepAlive: true, timeout: idleThereMs, proxyEnv: host });
  const server = createServer((request, response) => {
    const url = request.url?.startsWith('/v1/') ? URL.parse(request.url, 'http://proxy') : null;
    const credential = credentials.find(({ header, sent }) => isEqual(String(request.headers[header]), sent));
    if (!credential) return refuse(response, 401, 'authentication_error', 'This address serves Claude Code of this worker only.');
    // TRACE would show the key to whoever asks for it.
    if (!methods.has(request.method ?? '')) return refuse(response, 405, 'invalid_request_error', 'This method is not used here.');
    if (!url?.pathname.startsWith('/v1/')) return refuse(response, 404, 'not_found_error', 'There is nothing here.');
    const target = new URL(`${service.pathname.replace(/\/$/, '')}${url.pathname}${url.search}`, service);
    forward({ request, response, target, agent, headers: { ...withoutHops(request.headers), host: service.host, [credential.header]: credential.real }, log });
  });
  server.keepAliveTimeout = idleHereMs;
  server.requestTimeout = 0;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port: 0, host: '127.0.0.1' }, resolve);
  });
  return {
    environment: {
      ANTHROPIC_BASE_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      ...Object.fromEntries(credentials.map(({ variable, placeholder }) => [variable, placeholder])),
    },
    async stop() {
      server.close();
      server.closeAllConnections();
      agent.destroy();
    },
  };
}

/** A placeholder has the form of what it stands for, and is good for as long as this process lives. */
function createCredentials({ ANTHROPIC_API_KEY: key, CLAUDE_CODE_OAUTH_TOKEN: token }: ModelKeys): Credential[] {
  const invent = (form: string): string => `${form}${randomBytes(32).toString('base64url')}`;
  const [keyPlaceholder, tokenPlaceholder] = [invent('sk-ant-api03-'), invent('sk-ant-oat01-')];
  return [
    ...(key ? [{ variable: 'ANTHROPIC_API_KEY', header: 'x-api-key', sent: keyPlaceholder, real: key, placeholder: keyPlaceholder } as const] : []),
    ...(token ? [{ variable: 'CLAUDE_CODE_OAUTH_TOKEN', header: 'authorization', sent: `Bearer ${tokenPlaceholder}`, real: `Bearer ${token}`, placeholder: tokenPlaceholder } as const] : []),
  ];
}

type Forwarding = { request: IncomingMessage; response: ServerResponse; target: URL; agent: HttpAgent; headers: OutgoingHttpHeaders; log: Log };

/** Sends a request on and its answer back. When one side ends early, so does the other. */
function forward({ request, response, target, agent, headers, log }: Forwarding): void {
  const outgoing = (target.protocol === 'https:' ? httpsRequest : httpRequest)(target, { method: request.method, agent, headers });
  outgoing.on('response', (answer) => {
    response.writeHead(answer.statusCode ?? 502, withoutHops(answer.headers));
    // An answer that breaks off is broken off here, too; that the person's side has gone is no error.
    pipeline(answer, response, () => undefined);
  });
  outgoing.on('error', (error) => {
    if (response.destroyed) return;
    const { code, message } = reportError(error);
    log.warn({ err: error }, 'the model’s service was not reached');
    if (response.headersSent) response.destroy();
    else refuse(response, 502, 'api_error', `The model’s service was not reached (${code ?? message}).`);
  });
  response.on('close', () => {
    if (!response.writableFinished) outgoing.destroy();
  });
  request.pipe(outgoing);
}

function withoutHops(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  const named = new Set((headers.connection ?? '').split(',').map((name) => name.trim().toLowerCase()));
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !hopByHop.has(name) && !named.has(name)));
}

/** Answers in the form of the Messages API's errors (docs.anthropic.com/en/api/errors). */
function refuse(response: ServerResponse, status: number, type: string, message: string): void {
  response.writeHead(status, { 'Content-Type': 'application/json', Connection: 'close' }).end(JSON.stringify({ type: 'error', error: { type, message } }));
}

function isEqual(given: string, expected: string): boolean {
  const [one, other] = [Buffer.from(given), Buffer.from(expected)];
  return one.length === other.length && timingSafeEqual(one, other);
}
