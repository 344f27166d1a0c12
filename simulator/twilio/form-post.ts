import { request as requestHttp, type ClientRequest, type IncomingMessage } from 'node:http';
import { request as requestHttps } from 'node:https';

/**
 * An answer to one POST; `status` 0 means that none came, because of the connection (ct) or in
 * reading (rt).
 */
export type PostOutcome =
  | { status: number; type: string; chunked: boolean; body: string; failure: undefined }
  | { status: 0; type: ''; chunked: false; body: ''; failure: 'ct' | 'rt' };

/**
 * The longest answer that is read, in bytes: one more than the 64 kB Twilio takes (error 11750).
 */
export const maxAnswerBytes = 65_536;

/**
 * Posts a form once over a connection of its own, without following redirects, as Twilio calls a
 * webhook.
 * @param limits milliseconds to connect, and to wait for the whole answer after that.
 * @returns the answer or how it failed; it never rejects.
 */
export function postForm(
  url: string,
  params: Record<string, string>,
  headers: Record<string, string>,
  limits: { connectMs: number; readMs: number; signal: AbortSignal },
): Promise<PostOutcome> {
  return new Promise((resolve) => {
    let connected = false;
    let timer: NodeJS.Timeout | undefined;
    let request: ClientRequest | undefined;
    const finish = (outcome?: PostOutcome): void => {
      clearTimeout(timer);
      limits.signal.removeEventListener('abort', abort);
      resolve(
        outcome ?? {
          status: 0,
          type: '',
          chunked: false,
          body: '',
          failure: connected ? 'rt' : 'ct',
        },
      );
      request?.destroy();
    };
    const abort = (): void => finish();
    const startReading = (): void => {
      connected = true;
      clearTimeout(timer);
      timer = setTimeout(finish, limits.readMs);
    };
    timer = setTimeout(finish, limits.connectMs);
    limits.signal.addEventListener('abort', abort, { once: true });
    try {
      request = openRequest(url, headers);
      request.on('socket', (socket) => {
        socket.once(url.startsWith('https:') ? 'secureConnect' : 'connect', startReading);
      });
      request.on('error', () => finish());
      request.on('response', (response) => readAnswer(response, finish));
      request.end(new URLSearchParams(params).toString());
    } catch {
      // Node refuses to send some addresses, for instance with a raw space in the path; Twilio
      // cannot reach those either.
      finish();
    }
  });
}

function openRequest(url: string, headers: Record<string, string>): ClientRequest {
  const target = new URL(url);
  const send = target.protocol === 'https:' ? requestHttps : requestHttp;
  return send({
    method: 'POST',
    hostname: target.hostname.replace(/^\[|\]$/g, ''),
    port: target.port,
    // The path exactly as configured: what is signed must be what the receiver sees.
    path: /^[a-z]+:\/\/[^/?#]*(\/?[^#]*)/i.exec(url)?.[1]?.replace(/^(?!\/)/, '/') ?? '/',
    agent: false,
    ...(target.username === ''
      ? {}
      : { auth: decodeURIComponent(`${target.username}:${target.password}`) }),
    headers: {
      'content-type': 'application/x-www-form-urlencoded; charset=utf-8',
      accept: '*/*',
      ...headers,
    },
  });
}

function readAnswer(response: IncomingMessage, finish: (outcome?: PostOutcome) => void): void {
  const chunks: Buffer[] = [];
  let size = 0;
  const done = (): void =>
    finish({
      status: response.statusCode ?? 502,
      type: (response.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '',
      chunked: response.headers['transfer-encoding'] === 'chunked',
      body: Buffer.concat(chunks).toString('utf8'),
      failure: undefined,
    });
  response.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    size += chunk.length;
    if (size > maxAnswerBytes) done();
  });
  response.on('end', done);
  response.on('error', () => finish());
}
