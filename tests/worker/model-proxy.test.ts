import { createServer, request as httpRequest } from 'node:http';
import type { IncomingMessage, RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { createLog } from '../../shared/log.ts';
import { runModelProxy } from '../../worker/agent/model-proxy.ts';
import type { ModelKeys } from '../../worker/agent/model-proxy.ts';
import { until } from '../support/until.ts';

const log = createLog('test', 'silent');
const key = 'sk-ant-api03-the-real-one';
const token = 'sk-ant-oat01-the-real-one';

type Bench = { url: string; environment: Record<string, string>; service: string; requests: IncomingMessage[] };

/** A proxy before a service that answers as `answer` does. */
async function withProxy(answer: RequestListener, use: (bench: Bench) => Promise<void>, { keys = { ANTHROPIC_API_KEY: key }, path = '' }: { keys?: ModelKeys; path?: string } = {}): Promise<void> {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    answer(request, response);
  });
  await new Promise<void>((resolve) => void server.listen({ port: 0, host: '127.0.0.1' }, resolve));
  const service = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const proxy = await runModelProxy({ keys, baseUrl: `${service}${path}`, host: {}, log });
  try {
    await use({ url: proxy.environment['ANTHROPIC_BASE_URL'] ?? '', environment: proxy.environment, service, requests });
  } finally {
    await proxy.stop();
    server.closeAllConnections();
    await new Promise<void>((resolve) => void server.close(() => resolve()));
  }
}

const ok: RequestListener = (_request, response) => void response.end('{}');

test('the placeholder is replaced by the key in its own header, and everything else goes on as it came', async () => {
  await withProxy(ok, async ({ url, environment, service, requests }) => {
    const placeholder = environment['ANTHROPIC_API_KEY'] ?? '';
    expect(placeholder).toMatch(/^sk-ant-api03-[\w-]{43}$/);
    expect(environment['CLAUDE_CODE_OAUTH_TOKEN']).toMatch(/^sk-ant-oat01-[\w-]{43}$/);
    await fetch(`${url}/v1/messages?beta=true`, { method: 'POST', headers: { 'x-api-key': placeholder, 'anthropic-beta': 'one,two', 'x-extra': 'yes' }, body: '{"a":1}' });
    await fetch(`${url}/v1/models`, { headers: { authorization: `Bearer ${environment['CLAUDE_CODE_OAUTH_TOKEN']}`, 'anthropic-beta': 'oauth-2025-04-20' } });
    expect(requests[0]).toMatchObject({ method: 'POST', url: '/v1/messages?beta=true', headers: { 'x-api-key': key, host: new URL(service).host, 'anthropic-beta': 'one,two', 'x-extra': 'yes', 'content-length': '7' } });
    expect(requests[1]).toMatchObject({ method: 'GET', url: '/v1/models', headers: { authorization: `Bearer ${token}`, 'anthropic-beta': 'oauth-2025-04-20' } });
    expect(requests[0]?.headers['authorization'] ?? requests[1]?.headers['x-api-key']).toBeUndefined();
  }, { keys: { ANTHROPIC_API_KEY: key, CLAUDE_CODE_OAUTH_TOKEN: token } });
});

test('a gateway of one’s own keeps the path of its address', async () => {
  await withProxy(ok, async ({ url, environment, requests }) => {
    await fetch(`${url}/v1/messages`, { headers: { 'x-api-key': environment['ANTHROPIC_API_KEY'] ?? '' } });
    expect(requests[0]?.url).toBe('/anthropic/v1/messages');
  }, { path: '/anthropic' });
});

test('nothing goes on without the placeholder, beside /v1/, or by a method that could show the key', async () => {
  await withProxy(ok, async ({ url, environment, requests }) => {
    const mine = { 'x-api-key': environment['ANTHROPIC_API_KEY'] ?? '' };
    const ask = async (path: string, headers: Record<string, string>, method = 'GET'): Promise<[number, unknown]> => {
      const { port } = new URL(url);
      return await new Promise((resolve, reject) => {
        const outgoing = httpRequest({ host: '127.0.0.1', port, path, method, headers }, (response) => {
          let body = '';
          response.on('data', (chunk) => (body += String(chunk))).on('end', () => resolve([response.statusCode ?? 0, body === '' ? '' : JSON.parse(body).error.type]));
        });
        outgoing.on('error', reject).end();
      });
    };
    expect(await ask('/v1/messages', {})).toEqual([401, 'authentication_error']);
    expect(await ask('/v1/messages', { 'x-api-key': 'sk-ant-api03-guessed' })).toEqual([401, 'authentication_error']);
    expect(await ask('/v1/messages', { authorization: `Bearer ${mine['x-api-key']}` })).toEqual([401, 'authentication_error']);
    expect(await ask('/v1/messages', mine, 'TRACE')).toEqual([405, 'invalid_request_error']);
    for (const path of ['/', '/v1', '/api/claude_code/settings', '/v1/../api/x', '/v1/%2e%2e/api/x', '//evil.example/v1/', 'http://evil.example/v1/', '//']) expect([path, ...(await ask(path, mine))]).toEqual([path, 404, 'not_found_error']);
    expect(requests).toEqual([]);
  });
});

test('an answer arrives piece by piece, and a large request whole', async () => {
  const pieces = Promise.withResolvers<void>();
  let received = 0;
  const answer: RequestListener = async (request, response) => {
    for await (const chunk of request) received += (chunk as Buffer).length;
    response.writeHead(200, { 'content-type': 'text/event-stream', connection: 'x-private', 'x-private': 'of one connection' });
    response.write('event: one\n\n');
    await pieces.promise;
    response.end('event: two\n\n');
  };
  await withProxy(answer, async ({ url, environment }) => {
    const size = 64 * 1024 * 1024;
    const response = await fetch(`${url}/v1/messages`, { method: 'POST', headers: { 'x-api-key': environment['ANTHROPIC_API_KEY'] ?? '' }, body: Buffer.alloc(size, 'x') });
    expect(received).toBe(size);
    expect([response.status, response.headers.get('content-type'), response.headers.get('x-private')]).toEqual([200, 'text/event-stream', null]);
    const reader = response.body?.getReader();
    const read = async (): Promise<string> => Buffer.from((await reader?.read())?.value ?? []).toString('utf8');
    // The second piece has not been written yet when the first is here.
    expect(await read()).toBe('event: one\n\n');
    pieces.resolve();
    expect(await read()).toBe('event: two\n\n');
  });
});

test('who goes away takes the request along; an answer that breaks off breaks off', async () => {
  let gone = 0;
  const answer: RequestListener = (request, response) => {
    response.on('close', () => (gone += 1));
    response.writeHead(200);
    response.write('a beginning');
    if (request.url?.endsWith('break')) setTimeout(() => response.destroy(), 50);
  };
  await withProxy(answer, async ({ url, environment }) => {
    const headers = { 'x-api-key': environment['ANTHROPIC_API_KEY'] ?? '' };
    const abort = new AbortController();
    await fetch(`${url}/v1/messages`, { headers, signal: abort.signal });
    abort.abort();
    await until('the service to see that nobody listens', () => gone === 1);
    const broken = await fetch(`${url}/v1/break`, { headers });
    await expect(broken.text()).rejects.toThrow('terminated');
  });
});

test('a service that is not there, or hangs up, is an error of the API’s form, and the next request goes on', async () => {
  let hangsUp = true;
  const answer: RequestListener = (request, response) => void (hangsUp ? request.socket.destroy() : response.writeHead(529).end('{"type":"error"}'));
  await withProxy(answer, async ({ url, environment }) => {
    const headers = { 'x-api-key': environment['ANTHROPIC_API_KEY'] ?? '' };
    const refused = await fetch(`${url}/v1/messages`, { method: 'POST', headers, body: '{}' });
    expect([refused.status, await refused.json()]).toEqual([502, { type: 'error', error: { type: 'api_error', message: 'The model’s service was not reached (ECONNRESET).' } }]);
    hangsUp = false;
    expect((await fetch(`${url}/v1/messages`, { headers })).status).toBe(529);
  });
});
