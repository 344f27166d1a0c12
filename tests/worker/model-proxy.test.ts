import { request as httpRequest } from 'node:http';
import type { RequestListener } from 'node:http';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { ann, aRequest, key, keyOf, token, withProxy } from '../support/proxy-bench.ts';
import type { ProxyBench } from '../support/proxy-bench.ts';
import { withRedis } from '../support/redis.ts';
import { until } from '../support/until.ts';

const ok: RequestListener = (request, response) =>
  void request.resume().on('end', () => response.end('{}'));

/**
 * Writes bytes to the proxy as they are and reads what comes back until the connection ends or
 * `enough` of it is there.
 */
async function talk({ port }: ProxyBench, bytes: string): Promise<string> {
  return await new Promise((resolve, reject) => {
    let said = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    socket.setTimeout(3000, () => socket.destroy());
    socket
      .on('data', (chunk) => (said += String(chunk)))
      .on('error', reject)
      .on('close', () => resolve(said));
  });
}

test('a session’s placeholder is replaced by the key in its own header, and the rest of the request goes on', async () => {
  await withRedis(async (redis) => {
    await withProxy(
      redis,
      ok,
      async (bench) => {
        const session = bench.session();
        expect(keyOf(session)).toMatch(/^sk-ant-api03-[\w-]{43}$/);
        expect(session.placeholders['CLAUDE_CODE_OAUTH_TOKEN']).toMatch(/^sk-ant-oat01-[\w-]{43}$/);
        expect(keyOf(bench.session())).not.toBe(keyOf(session));
        const theirs = {
          'anthropic-beta': 'one,two',
          'x-extra': 'yes',
          authorization: 'Bearer of-another',
          cookie: 'a=b',
          'x-http-method-override': 'DELETE',
          'x-original-url': '/v1/files',
          'x-forwarded-host': 'evil.example',
          'accept-encoding': 'gzip, br',
        };
        await bench.ask(session, { path: '/v1/messages?beta=true', headers: theirs });
        await bench.ask(session, {
          method: 'GET',
          path: '/v1/models',
          headers: {
            'x-api-key': 'another',
            authorization: `Bearer ${session.placeholders['CLAUDE_CODE_OAUTH_TOKEN']}`,
          },
        });
        const [first, second] = bench.requests;
        expect(first).toMatchObject({
          method: 'POST',
          url: '/v1/messages?beta=true',
          text: aRequest,
        });
        expect(first?.headers).toMatchObject({
          'x-api-key': key,
          'anthropic-beta': 'one,two',
          'x-extra': 'yes',
          'content-length': String(aRequest.length),
          'accept-encoding': 'identity',
        });
        for (const name of [
          'authorization',
          'cookie',
          'x-http-method-override',
          'x-original-url',
          'x-forwarded-host',
          'transfer-encoding',
        ])
          expect(first?.headers[name]).toBeUndefined();
        expect(second).toMatchObject({
          method: 'GET',
          url: '/v1/models',
          headers: { authorization: `Bearer ${token}` },
        });
        expect(second?.headers['x-api-key']).toBeUndefined();
      },
      { keys: { ANTHROPIC_API_KEY: key, CLAUDE_CODE_OAUTH_TOKEN: token } },
    );
  });
});

test('a gateway of one’s own keeps the path of its address', async () => {
  await withRedis(async (redis) => {
    await withProxy(
      redis,
      ok,
      async (bench) => {
        await bench.ask(bench.session());
        expect(bench.requests[0]?.url).toBe('/anthropic/v1/messages');
      },
      { path: '/anthropic' },
    );
  });
});

test('three routes go on and nothing else does: no other method, path, spelling or query', async () => {
  await withRedis(async (redis) => {
    await withProxy(redis, ok, async (bench) => {
      const session = bench.session();
      const { port } = bench;
      const statusOf = async (method: string, path: string) =>
        (await bench.ask(session, { method, path })).status;
      const passed = [
        ['POST', '/v1/messages'],
        ['POST', '/v1/messages?beta=true'],
        ['POST', '/v1/messages/count_tokens?beta=true'],
        ['GET', '/v1/models'],
        ['GET', '/v1/models?limit=1000'],
        ['GET', '/v1/models/claude-opus-5-5'],
      ] as const;
      for (const [method, path] of passed)
        expect([method, path, await statusOf(method, path)]).toEqual([method, path, 200]);
      expect(bench.requests).toHaveLength(passed.length);
      const refused = [
        ['GET', '/'],
        ['HEAD', '/'],
        ['GET', '/v1'],
        ['GET', '/v1/messages'],
        ['HEAD', '/v1/models'],
        ['DELETE', '/v1/messages'],
        ['PUT', '/v1/messages'],
        ['OPTIONS', '/v1/messages'],
        ['POST', '/v1/models'],
        ['POST', '/v1/messages/batches'],
        ['GET', '/v1/messages/batches'],
        ['POST', '/v1/files'],
        ['DELETE', '/v1/files/x'],
        ['POST', '/v1/complete'],
        ['POST', '/v1/oauth/token'],
        ['GET', '/v1/organizations/me'],
        ['GET', '/api/claude_code/settings'],
        ['POST', '/v1/messages/'],
        ['POST', '//v1/messages'],
        ['POST', '/v1//messages'],
        ['POST', '/V1/messages'],
        ['POST', '/v1/messages/../complete'],
        ['POST', '/v1/%6dessages'],
        ['POST', '/v1/messages%2fbatches'],
        ['POST', '/v1/messages%00'],
        ['POST', '/v1/messages;x=1'],
        ['POST', '/v1/messages#x'],
        ['POST', '/v1/messages?beta=true&beta=true'],
        ['POST', '/v1/messages?x=1'],
        ['POST', '/v1/messages?beta=true?'],
        ['POST', '\\v1\\messages'],
        ['GET', '/v1/models/..'],
        ['GET', '/v1/models/.'],
        ['GET', '/v1/models/../files'],
        ['GET', '/v1/models/%2e%2e'],
        ['GET', '/v1/models/a/b'],
        ['GET', '/v1/models/'],
        ['GET', '/v1/models?limit=1&url=http://x'],
        ['GET', '/v1/models?limit=1&'],
        ['POST', `http://127.0.0.1:${port}/v1/messages`],
        ['GET', 'http://evil.example/v1/models'],
        ['GET', '//evil.example/v1/models'],
      ] as const;
      for (const [method, path] of refused) {
        const { status, body } = await bench.ask(session, { method, path });
        // What Node itself takes for no request is refused before us, without words.
        expect([
          method,
          path,
          body === '' ? [400, 404].includes(status) : [status, JSON.parse(body).error.type],
        ]).toEqual([method, path, body === '' ? true : [404, 'not_found_error']]);
      }
      expect((await bench.ask(session, { method: 'TRACE' })).status).toBe(405);
      expect(
        (
          await bench.ask(session, {
            method: 'GET',
            path: '/v1/messages',
            headers: { 'x-http-method-override': 'POST' },
          })
        ).status,
      ).toBe(404);
      expect(bench.requests).toHaveLength(passed.length);
    });
  });
});

test('only a living session’s own placeholder opens the way, and not before it works for somebody', async () => {
  await withRedis(async (redis) => {
    await withProxy(redis, ok, async (bench) => {
      const [session, prewarmed] = [bench.session(), bench.admit()];
      const statusOf = async (headers: Record<string, string | string[]>) => {
        const { status, body } = await bench.ask(session, { headers });
        return [status, JSON.parse(body).error?.type];
      };
      for (const headers of [
        { 'x-api-key': 'sk-ant-api03-guessed' },
        { 'x-api-key': '' },
        { 'x-api-key': key },
        { 'x-api-key': 'x', authorization: `Bearer ${keyOf(session)}` },
        { 'x-api-key': [keyOf(session), 'x'] },
      ]) {
        expect(await statusOf(headers)).toEqual([401, 'authentication_error']);
      }
      expect(await statusOf({ 'x-api-key': keyOf(prewarmed) })).toEqual([403, 'permission_error']);
      prewarmed.bind(ann);
      expect((await bench.ask(prewarmed)).status).toBe(200);
      session.close();
      expect(await statusOf({})).toEqual([401, 'authentication_error']);
      expect(bench.requests).toHaveLength(1);
    });
  });
});

test('two ways to say where a request ends are one request, or none', async () => {
  await withRedis(async (redis) => {
    await withProxy(redis, ok, async (bench) => {
      const placeholder = keyOf(bench.session());
      const smuggled = `POST /v1/files HTTP/1.1\r\nHost: x\r\nx-api-key: ${placeholder}\r\nContent-Length: 0\r\n\r\n`;
      const head = (lines: string): string =>
        `POST /v1/messages HTTP/1.1\r\nHost: x\r\nx-api-key: ${placeholder}\r\n${lines}\r\n`;
      for (const lines of [
        'Content-Length: 4\r\nTransfer-Encoding: chunked\r\n',
        'Transfer-Encoding: chunked\r\nContent-Length: 4\r\n',
        'Content-Length: 4\r\nContent-Length: 5\r\n',
        'Transfer-Encoding: xchunked\r\n',
        'Content-Length : 4\r\n',
        'Content-Length: +4\r\n',
      ]) {
        expect([
          lines,
          (await talk(bench, `${head(lines)}0\r\n\r\n${smuggled}`)).slice(0, 12),
        ]).toEqual([lines, 'HTTP/1.1 400']);
      }
      expect(bench.requests).toEqual([]);
      // A body in pieces goes on with one length; what follows it is a request of its own.
      expect(
        await talk(
          bench,
          `${head('Transfer-Encoding: chunked\r\n')}2\r\n{}\r\n0\r\n\r\n${smuggled}`,
        ),
      ).toContain('HTTP/1.1 404');
      expect(
        bench.requests.map(({ url, text, headers }) => [
          url,
          text,
          headers['content-length'],
          headers['transfer-encoding'],
        ]),
      ).toEqual([['/v1/messages', '{}', '2', undefined]]);
    });
  });
});

test('an answer arrives piece by piece; a large request whole, and one over 32 MB not at all', async () => {
  await withRedis(async (redis) => {
    const pieces = Promise.withResolvers<void>();
    let received = 0;
    const answer: RequestListener = async (request, response) => {
      for await (const chunk of request) received += (chunk as Buffer).length;
      response.writeHead(200, {
        'content-type': 'text/event-stream',
        connection: 'x-private',
        'x-private': 'of one connection',
      });
      response.write('event: one\n\n');
      await pieces.promise;
      response.end('event: two\n\n');
    };
    await withProxy(redis, answer, async (bench) => {
      const session = bench.session();
      const headers = { 'x-api-key': keyOf(session) };
      const size = 8 * 1024 * 1024;
      const response = await fetch(`http://127.0.0.1:${bench.port}/v1/messages`, {
        method: 'POST',
        headers,
        body: Buffer.alloc(size, 'x'),
      });
      expect(received).toBe(size);
      expect([
        response.status,
        response.headers.get('content-type'),
        response.headers.get('x-private'),
      ]).toEqual([200, 'text/event-stream', null]);
      const reader = response.body?.getReader();
      const read = async (): Promise<string> =>
        Buffer.from((await reader?.read())?.value ?? []).toString('utf8');
      // The second piece has not been written yet when the first is here.
      expect(await read()).toBe('event: one\n\n');
      pieces.resolve();
      expect(await read()).toBe('event: two\n\n');
      // Its client may still be writing when the answer comes.
      const tooLarge = await bench.ask(session, { body: Buffer.alloc(33 * 1024 * 1024, 'x') }).then(
        ({ status }) => String(status),
        (error: NodeJS.ErrnoException) => error.code,
      );
      expect(tooLarge).toMatch(/^(413|EPIPE|ECONNRESET)$/);
      expect(bench.requests).toHaveLength(1);
    });
  });
});

test('who goes away takes the request along; an answer that breaks off breaks off', async () => {
  await withRedis(async (redis) => {
    let gone = 0;
    const answer: RequestListener = (request, response) => {
      response.on('close', () => (gone += 1));
      response.writeHead(200);
      response.write('a beginning');
      if (request.url?.includes('beta')) request.on('end', () => response.destroy()).resume();
    };
    await withProxy(redis, answer, async (bench) => {
      const headers = { 'x-api-key': keyOf(bench.session()) };
      const outgoing = httpRequest(
        { host: '127.0.0.1', port: bench.port, path: '/v1/messages', method: 'POST', headers },
        (response) => response.once('data', () => outgoing.destroy()),
      );
      outgoing.on('error', () => undefined).end('{}');
      await until('the service to see that nobody listens', () => gone === 1);
      const broken = await fetch(`http://127.0.0.1:${bench.port}/v1/messages?beta=true`, {
        method: 'POST',
        headers,
        body: '{}',
      });
      await expect(broken.text()).rejects.toThrow('terminated');
    });
  });
});

test('a service that is not there, or hangs up, is an error of the API’s form, and the next request goes on', async () => {
  await withRedis(async (redis) => {
    let hangsUp = true;
    const answer: RequestListener = (request, response) =>
      void (hangsUp ? request.socket.destroy() : response.writeHead(529).end('{"type":"error"}'));
    await withProxy(redis, answer, async (bench) => {
      const session = bench.session();
      const refused = await bench.ask(session);
      expect([refused.status, JSON.parse(refused.body)]).toEqual([
        502,
        {
          type: 'error',
          error: {
            type: 'api_error',
            message: 'The model’s service was not reached (ECONNRESET).',
          },
        },
      ]);
      hangsUp = false;
      expect((await bench.ask(session)).status).toBe(529);
      expect(await bench.used()).toMatchObject({ requests: 0, costUsd: 0, unsettled: 0 });
    });
  });
});
