import { createServer, request as httpRequest } from 'node:http';
import type { IncomingMessage, OutgoingHttpHeaders, RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createLog } from '../../shared/runtime/log.ts';
import { createModelPrices } from '../../shared/runtime/model-prices.ts';
import { createModelRequests } from '../../shared/store/money/model-requests.ts';
import type { Limits } from '../../shared/store/money/model-requests.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import { createSpend, dayOf } from '../../shared/store/money/spend.ts';
import type { ModelUse, Spend } from '../../shared/store/money/spend.ts';
import type { ModelAccountDeps } from '../../worker/agent/model/account.ts';
import { runModelProxy } from '../../worker/agent/model/proxy.ts';
import type { ModelKeys, ModelSession } from '../../worker/agent/model/sessions.ts';

export const key = 'sk-ant-api03-the-real-one';
export const token = 'sk-ant-oat01-the-real-one';
export const ann = '+15551230001';
export const bob = '+15551230002';
export const day = dayOf(Date.now());

export type Answered = { status: number; body: string; headers: IncomingMessage['headers'] };

export type ProxyBench = {
  port: number;
  /** What the model's service was asked, with each body. */
  requests: (IncomingMessage & { text: string })[];
  spend: Spend;
  requestsInRedis: ReturnType<typeof createModelRequests>;
  /** A session that works for somebody. */
  session(conversation?: string, turn?: string): ModelSession;
  admit(): ModelSession;
  /** Sends a request and reads its answer to the end, also when it breaks off. */
  ask(session: ModelSession, options?: Asking): Promise<Answered>;
  /** What a conversation has used today, once nothing is open any more. */
  used(conversation?: string): Promise<ModelUse>;
};

export type Asking = {
  method?: string;
  path?: string;
  headers?: OutgoingHttpHeaders;
  body?: string | Buffer;
};

export type ProxyBenchOptions = {
  keys?: ModelKeys;
  path?: string;
  limits?: Limits;
  times?: ModelAccountDeps['times'];
  exportsOf?: (conversation: string) => Promise<string>;
};

export const aRequest = JSON.stringify({
  model: 'claude-opus-5-5',
  messages: [],
  max_tokens: 1000,
  stream: true,
});

/** A proxy with its account in a real Redis, before a service that answers as `answer` does. */
export async function withProxy(
  redis: Redis,
  answer: RequestListener,
  use: (bench: ProxyBench) => Promise<void>,
  options: ProxyBenchOptions = {},
): Promise<void> {
  const {
    keys = { ANTHROPIC_API_KEY: key },
    path = '',
    limits = { turn: undefined, day: undefined },
    times,
    exportsOf,
  } = options;
  const requests: ProxyBench['requests'] = [];
  const server = createServer((request, response) => {
    const seen = Object.assign(request, { text: '' });
    requests.push(seen);
    request.on('data', (chunk) => (seen.text += String(chunk)));
    answer(request, response);
  });
  await new Promise<void>((resolve) => void server.listen({ port: 0, host: '127.0.0.1' }, resolve));
  const service = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const accounting = {
    requests: createModelRequests(redis),
    prices: createModelPrices(),
    limits,
    ...(times ? { times } : {}),
  };
  const proxy = await runModelProxy({
    ...accounting,
    keys,
    baseUrl: `${service}${path}`,
    host: {},
    exportsOf,
    owner: 'w#2',
    log: createLog('test', 'silent'),
  });
  const port = Number(new URL(proxy.environment.ANTHROPIC_BASE_URL).port);
  const spend = createSpend(redis);
  try {
    await use({
      port,
      requests,
      spend,
      requestsInRedis: accounting.requests,
      admit: proxy.admit,
      session(conversation = ann, turn = '') {
        const session = proxy.admit();
        session.bind(conversation);
        if (turn !== '') session.begin(turn, undefined);
        return session;
      },
      ask: (session, asking) => ask(port, session, asking),
      async used(conversation = ann) {
        for (let tries = 0; tries < 400 && (await accounting.requests.countOpen()) > 0; tries += 1)
          await new Promise((resolve) => setTimeout(resolve, 5));
        return (await spend.use(day)).get(conversation) ?? { ...noUse };
      },
    });
  } finally {
    await proxy.stop();
    server.closeAllConnections();
    await new Promise<void>((resolve) => void server.close(() => resolve()));
  }
}

export const noUse: ModelUse = {
  costUsd: 0,
  requests: 0,
  input: 0,
  output: 0,
  cacheWrite5m: 0,
  cacheWrite1h: 0,
  cacheRead: 0,
  webSearches: 0,
  unsettled: 0,
  unsettledUsd: 0,
};

export const keyOf = (session: ModelSession): string =>
  session.placeholders['ANTHROPIC_API_KEY'] ?? '';

async function ask(
  port: number,
  session: ModelSession,
  { method = 'POST', path = '/v1/messages', headers = {}, body = aRequest }: Asking = {},
): Promise<Answered> {
  return await new Promise((resolve, reject) => {
    const outgoing = httpRequest(
      {
        host: '127.0.0.1',
        port,
        path,
        method,
        headers: { 'x-api-key': keyOf(session), ...headers },
      },
      (response) => {
        let text = '';
        const done = (): void =>
          resolve({ status: response.statusCode ?? 0, body: text, headers: response.headers });
        response
          .on('data', (chunk) => (text += String(chunk)))
          .on('close', done)
          .on('error', done);
      },
    );
    outgoing.on('error', reject).end(method === 'POST' || method === 'PUT' ? body : undefined);
  });
}

/** The events of an answer as the Messages API streams them, in one text. */
export function streamOf(usage: object, texts: string[], total: object | undefined): string {
  const events: [string, object][] = [
    ['message_start', { message: { model: 'claude-opus-5-5', usage } }],
    ['ping', {}],
    ...texts.map((text): [string, object] => [
      'content_block_delta',
      { index: 0, delta: { type: 'text_delta', text } },
    ]),
    ...(total
      ? ([
          ['message_delta', { delta: { stop_reason: 'end_turn' }, usage: total }],
          ['message_stop', {}],
        ] as [string, object][])
      : []),
  ];
  return events
    .map(([type, fields]) => `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`)
    .join('');
}
