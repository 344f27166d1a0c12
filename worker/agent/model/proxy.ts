import type { IncomingMessage, ServerResponse } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Environment } from '../../../shared/runtime/env.ts';
import { http } from '../../../shared/runtime/http/http.ts';
import type { Running } from '../../../shared/runtime/lifecycle.ts';
import type { Log } from '../../../shared/runtime/log.ts';
import type { ModelLookup } from './known-model.ts';
import { createModelAccount } from './account.ts';
import type { ModelAccountDeps } from './account.ts';
import { answerExports, isExportsRequest } from './exports.ts';
import { forward, refuse } from './forward.ts';
import { createModelLookup } from './model-lookup.ts';
import { parseModelRoute } from './route.ts';
import type { ModelRoute } from './route.ts';
import { createModelSessions } from './sessions.ts';
import type { Admitted, ModelKeys, ModelSession } from './sessions.ts';

export type ModelProxyOptions = ModelAccountDeps & {
  keys: ModelKeys;
  /** The address of the model's service; undefined is Anthropic's. */
  baseUrl: string | undefined;
  /** The worker's own environment, for its HTTPS_PROXY and NO_PROXY. */
  host: Environment;
  /** The variables of a conversation's commands, in shell, for the session's own commands. */
  exportsOf?: ((conversation: string) => Promise<string>) | undefined;
};

export type ModelProxy = Running & {
  /** This proxy's address, in the variable that Claude Code reads. */
  environment: { ANTHROPIC_BASE_URL: string };
  /** Admits another session of Claude Code. */
  admit(): ModelSession;
  /** Looks up a model's name at the service, for the worker itself. Never rejects. */
  lookUpModel(name: string): Promise<ModelLookup>;
};

/**
 * Idle timeouts for connections (ms): here longer than any pause between two requests, upstream
 * shorter than the timeouts of servers and gateways.
 */
const idleHereMs = 30 * 60_000;
const idleThereMs = 30_000;

/** How long a request may take to arrive (ms). */
const arrivalMs = 120_000;

/**
 * The largest request that the Messages API accepts (bytes, docs.anthropic.com/en/api/errors), and
 * the limit on all request bodies held at once.
 */
const largestBody = 32 * 1024 * 1024;
const mostHeld = 256 * 1024 * 1024;

/**
 * Methods that a server may support; others, such as TRACE, which would reveal the key, are refused
 * by method.
 */
const methods: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'POST',
  'DELETE',
  'PUT',
  'PATCH',
  'OPTIONS',
]);

/** An error in the Messages API's form. */
type Refusal = readonly [status: number, type: string, message: string];

/**
 * Answers to refused requests. Claude Code stops at once at a 402, showing this message, and
 * retries at a 529 (seen with 2.1.330).
 */
const refusals: Readonly<Record<'day' | 'turn' | 'month' | 'busy' | 'away', Refusal>> = {
  day: [
    402,
    'budget_error',
    'The budget of this day is used up. The person has to raise it before anything more is asked of the model.',
  ],
  turn: [
    402,
    'budget_error',
    'The budget of this task is used up. The person has to raise it before anything more is asked of the model.',
  ],
  month: [
    402,
    'budget_error',
    'The budget of this month is used up. The owner has to raise it before anything more is asked of the model.',
  ],
  busy: [529, 'overloaded_error', 'Too many requests of this session are under way.'],
  away: [
    529,
    'overloaded_error',
    'The request could not be noted, and nothing goes to the model unnoted.',
  ],
};

/**
 * Starts an HTTP server on 127.0.0.1 between Claude Code and the model's service. All usage is
 * counted here: a request passes only with the placeholder of a living session, by one of three
 * routes, and once it is recorded in the account; the tokens that its answer reports are booked as
 * it passes. The proxy replaces the placeholder with the key, so that the key never reaches the
 * agent's side. A session's commands also get the variables of its person here. Throws when it
 * cannot listen.
 */
export async function runModelProxy(options: ModelProxyOptions): Promise<ModelProxy> {
  const { keys, baseUrl, host, log, requests, prices, owner, exportsOf } = options;
  const sessions = createModelSessions(keys, log);
  const account = createModelAccount(options);
  const service = new URL(baseUrl ?? 'https://api.anthropic.com');
  const agentOptions = { keepAlive: true, timeout: idleThereMs, proxyEnv: host };
  const agent =
    service.protocol === 'https:' ? new HttpsAgent(agentOptions) : new http.Agent(agentOptions);
  const complain = createComplaint(log);
  let held = 0;

  const serve = async (
    request: IncomingMessage,
    response: ServerResponse,
    route: ModelRoute,
    admitted: Admitted,
  ): Promise<void> => {
    const { session, header, value } = admitted;
    const { conversation } = session;
    if (conversation === undefined)
      return refuse(response, 403, 'permission_error', 'This session has no conversation yet.');
    const target = new URL(
      `${service.origin}${service.pathname.replace(/\/$/, '')}${route.target}`,
    );
    const upstream = { target, agent, credential: { header, value } };
    if (route.kind === 'models')
      return forward({ request, response, body: undefined }, upstream, undefined, log);
    let own = 0;
    response.once('close', () => (held -= own));
    const body = await readBody(request, (size) => {
      own += size;
      held += size;
      return held <= mostHeld;
    });
    if ('refused' in body) {
      request.resume();
      return refuse(response, ...body.refused, { Connection: 'close' });
    }
    const { bytes } = body;
    const exchange = { request, response, body: bytes };
    if (route.kind === 'count-tokens') return forward(exchange, upstream, undefined, log);
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const { entry, refused } = await account.open(session, conversation, bytes, gone.signal);
    if (refused) return refused === 'gone' ? undefined : refuse(response, ...refusals[refused]);
    // The client gave up while the request was being recorded; nothing has gone out.
    if (response.destroyed) return entry.close(undefined, true);
    forward(exchange, upstream, entry, log);
  };

  const server = http.createServer((request, response) => {
    const ofCommand = isExportsRequest(request) && sessions.findOfCommand(request.headers);
    if (ofCommand) return void answerExports(response, ofCommand.conversation, exportsOf, log);
    const admitted = sessions.find(request.headers);
    if (!admitted) {
      complain('no placeholder of a living session');
      return refuse(
        response,
        401,
        'authentication_error',
        'This address serves Claude Code of this worker only.',
      );
    }
    if (!methods.has(request.method ?? ''))
      return refuse(response, 405, 'invalid_request_error', 'This method is not used here.');
    const route = parseModelRoute(request.method, request.url);
    if (!route) {
      complain('another route than the three that are passed on');
      return refuse(response, 404, 'not_found_error', 'There is nothing here.');
    }
    serve(request, response, route, admitted).catch((error: unknown) => {
      // The client aborted the request while it arrived.
      if (request.destroyed && !request.complete) return;
      log.error({ err: error }, 'model request failed in the proxy');
      refuse(response, 500, 'api_error', 'The request could not be passed on.');
    });
  });
  server.keepAliveTimeout = idleHereMs;
  server.requestTimeout = arrivalMs;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port: 0, host: '127.0.0.1' }, resolve);
  });
  requests.closeOrphans(owner, Date.now()).then(
    (orphans) =>
      orphans > 0 &&
      log.warn(
        { orphans },
        'model requests were open when an earlier boot ended; their unbooked cost is unknown',
      ),
    (error: unknown) => log.warn({ err: error }, 'settling the requests of an earlier boot failed'),
  );
  return {
    environment: {
      ANTHROPIC_BASE_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    },
    admit: () => sessions.create(),
    lookUpModel: createModelLookup({ service, agent, keys, prices, log }),
    async stop() {
      server.close();
      server.closeAllConnections();
      agent.destroy();
    },
  };
}

/**
 * Reads a request's whole body, because it is forwarded with a length computed here, so that both
 * sides agree where it ends. `hold` decides on each chunk.
 */
async function readBody(
  request: IncomingMessage,
  hold: (size: number) => boolean,
): Promise<{ bytes: Buffer } | { refused: Refusal }> {
  const chunks: Buffer[] = [];
  let size = 0;
  const pieces: AsyncIterable<Buffer> = request.iterator({ destroyOnReturn: false });
  for await (const chunk of pieces) {
    size += chunk.length;
    chunks.push(chunk);
    if (!hold(chunk.length))
      return { refused: [529, 'overloaded_error', 'Too much is under way.'] };
    if (size > largestBody)
      return { refused: [413, 'request_too_large', 'A request has at most 32 MB.'] };
  }
  return { bytes: Buffer.concat(chunks, size) };
}

/**
 * Logs refusals, at most one per ten seconds and reason, since a program of the agent's may retry
 * without end.
 */
function createComplaint(log: Log): (reason: string) => void {
  const counts = new Map<string, { count: number; saidAt: number }>();
  return (reason) => {
    const { count, saidAt } = counts.get(reason) ?? { count: 0, saidAt: -Infinity };
    const now = performance.now();
    const isDue = now - saidAt >= 10_000;
    if (isDue) log.warn({ reason, count: count + 1 }, 'model proxy refused a request');
    counts.set(reason, isDue ? { count: 0, saidAt: now } : { count: count + 1, saidAt });
  };
}
