import { Agent, createServer } from 'node:http';
import type { IncomingHttpHeaders, RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { createLog } from '../../shared/runtime/log.ts';
import { createModelPrices } from '../../shared/runtime/model-prices.ts';
import { runScriptedModel } from '../../simulator/model/scripted-model.ts';
import type { ModelLookup } from '../../worker/agent/model/known-model.ts';
import { createModelLookup } from '../../worker/agent/model/model-lookup.ts';
import type { ModelKeys } from '../../worker/agent/model/sessions.ts';

const apiKey = { ANTHROPIC_API_KEY: 'sk-ant-api03-key' };

function lookupAt(
  url: string,
  { keys = apiKey, patienceMs }: { keys?: ModelKeys; patienceMs?: number } = {},
): (name: string) => Promise<ModelLookup> {
  return createModelLookup({
    service: new URL(url),
    agent: new Agent(),
    keys,
    prices: createModelPrices({ 'my-model': { input: 1, output: 2 } }),
    log: createLog('test', 'silent'),
    ...(patienceMs === undefined ? {} : { patienceMs }),
  });
}

async function withService(
  answer: RequestListener,
  use: (url: string, asked: { url: string; headers: IncomingHttpHeaders }[]) => Promise<void>,
): Promise<void> {
  const asked: { url: string; headers: IncomingHttpHeaders }[] = [];
  const server = createServer((request, response) => {
    asked.push({ url: request.url ?? '', headers: request.headers });
    answer(request, response);
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  try {
    await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked);
  } finally {
    server.closeAllConnections();
    await new Promise<void>((resolve) => void server.close(() => resolve()));
  }
}

test('a name is what the service lists, in its spelling; the date and the context may differ', async () => {
  const model = await runScriptedModel();
  try {
    const lookUp = lookupAt(model.url);
    const modelOf = async (name: string): Promise<string | undefined> => (await lookUp(name)).model;
    expect(await modelOf('claude-opus-5-5')).toBe('claude-opus-5-5');
    expect(await modelOf('Claude-Opus-5-5')).toBe('claude-opus-5-5');
    expect(await modelOf('claude-opus-5-5[1m]')).toBe('claude-opus-5-5[1m]');
    expect(await modelOf('claude-sonnet-4-5')).toBe('claude-sonnet-4-5-20250929');
    expect(await modelOf('claude-sonnet-4-5-latest')).toBe('claude-sonnet-4-5-20250929');
    expect(new Set(model.lookups)).toEqual(new Set(['/v1/models']));
    const unknown = await lookUp('opuss');
    expect(unknown).toMatchObject({ model: undefined, isFromService: true });
    expect(unknown.offered[0]).toEqual({ id: 'claude-opus-5-5', name: 'Claude Opus 5.5' });
    expect(model.lookups.at(-1)).toBe('/v1/models/opuss');
    expect(await modelOf('..')).toBe(undefined);
    expect(await modelOf('../files')).toBe(undefined);
    // The catalogue has it, and the service does not offer it to this account.
    expect(await modelOf('claude-mythos-5')).toBe(undefined);
  } finally {
    await model.stop();
  }
});

test('an alias that the list lacks is asked for by itself', async () => {
  const answer: RequestListener = ({ url }, response) => {
    if (url === '/base/v1/models?limit=1000')
      return void response.end(JSON.stringify({ data: [{ id: 'claude-x-1' }] }));
    if (url === '/base/v1/models/claude-x') return void response.end('{"id":"claude-x-1"}');
    response.writeHead(404).end('{}');
  };
  await withService(answer, async (url, asked) => {
    const lookUp = lookupAt(`${url}/base/`);
    expect((await lookUp('claude-x')).model).toBe('claude-x');
    expect((await lookUp('claude-y')).model).toBe(undefined);
    // Dots would be another path, and are asked for nowhere.
    expect((await lookUp('..')).model).toBe(undefined);
    expect(asked.map(({ url }) => url)).toEqual([
      '/base/v1/models?limit=1000',
      '/base/v1/models/claude-x',
      '/base/v1/models?limit=1000',
      '/base/v1/models/claude-y',
      '/base/v1/models?limit=1000',
    ]);
  });
});

test('the key goes in its own header, a token with the header that it needs', async () => {
  const answer: RequestListener = (_, response) => void response.end('{"data":[{"id":"m-1"}]}');
  await withService(answer, async (url, asked) => {
    await lookupAt(url)('m-1');
    expect(asked[0]?.headers).toMatchObject({
      'x-api-key': 'sk-ant-api03-key',
      'anthropic-version': '2023-06-01',
    });
    expect(asked[0]?.headers.authorization).toBe(undefined);
    await lookupAt(url, { keys: { CLAUDE_CODE_OAUTH_TOKEN: 'sk-ant-oat01-t' } })('m-1');
    expect(asked[1]?.headers).toMatchObject({
      authorization: 'Bearer sk-ant-oat01-t',
      'anthropic-beta': 'oauth-2025-04-20',
    });
    expect(asked[1]?.headers['x-api-key']).toBe(undefined);
  });
});

const aList = '{"data":[{"id":"m-1"}]}';

test.each<[string, RequestListener]>([
  ['refuses', (_, response) => void response.writeHead(401).end(aList)],
  ['answers something else', (_, response) => void response.end('<html>')],
  ['lists nothing', (_, response) => void response.end('{"data":[]}')],
  ['drops the connection', (request) => void request.destroy()],
  ['does not answer', () => undefined],
  ['stops in the middle', (_, response) => void response.writeHead(200).write('{"data":[')],
  ['never ends', (_, response) => void response.end(aList.padEnd(3 * 1024 * 1024))],
])('a service that %s leaves it to the catalogue', async (_, answer) => {
  await withService(answer, async (url) => {
    const lookUp = lookupAt(url, { patienceMs: 300 });
    expect(await lookUp('claude-opus-4-5-20251101')).toMatchObject({
      model: 'claude-opus-4-5-20251101',
      isFromService: false,
    });
    expect((await lookUp('my-model')).model).toBe('my-model');
    const unknown = await lookUp('opuss');
    expect(unknown.model).toBe(undefined);
    expect(unknown.offered).toContainEqual({ id: 'claude-opus-5-5', name: 'claude-opus-5-5' });
  });
});
