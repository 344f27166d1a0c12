import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { countTokens, createMessage, type Answer } from './answer.ts';
import { writeStream } from './answer-stream.ts';
import { formatApiError, type ApiError } from './api-error.ts';
import { chargeStream, chargeWhole, type BillEntry } from './bill.ts';
import { parseConversation, type ConversationView } from './conversation-view.ts';
import { takeFault, type Fault, type Faults } from './faults.ts';
import { BadRequest, parseMessagesRequest, type MessagesRequest } from './messages-request.ts';
import { answerModels } from './model-list.ts';
import { answerSideRequest } from './side-request.ts';
import { tellStory } from './stories/stories.ts';
import type { Story } from './stories/story.ts';

/** The record of one `POST /v1/messages`. */
export type ModelRequest = {
  /** ISO 8601. */
  at: string;
  model: string;
  /** The effort asked for; undefined when the request names none. */
  effort: string | undefined;
  stream: boolean;
  /** `turn` for the conversation itself, `side` for Claude Code's small requests beside it. */
  kind: 'turn' | 'side';
  /** Claude Code's session id, from its header; undefined when another client asks. */
  session: string | undefined;
  view: ConversationView;
  /** The answer; undefined when a fault came first. */
  answer: Answer | undefined;
  fault: Fault['kind'] | undefined;
};

/** The state of the API; `requests` grows and `faults` counts down while it runs. */
export type MessagesApi = {
  /** Think time before each answer, in milliseconds. */
  delayMs: number;
  stories: readonly Story[];
  quiet: boolean;
  requests: ModelRequest[];
  /** The paths of the requests for models, oldest first. */
  lookups: string[];
  faults: Faults;
  /** The charges, oldest first. */
  bill: BillEntry[];
  withCache: boolean;
  /** What the person may type next, when Claude Code asks for that. */
  suggestion: string;
  log: Pick<Logger, 'info' | 'warn'> | undefined;
};

const mostRemembered = 1_000;
const largestBodyBytes = 64 * 1024 * 1024;

/** The Messages API as a listener for Node's HTTP server. */
export function createMessagesApi(api: MessagesApi): RequestListener {
  return (request, response) => void serve(api, request, response);
}

/** Answers one HTTP request and never rejects: failures become errors of the API. */
async function serve(
  api: MessagesApi,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  try {
    await route(api, request, response, gone.signal);
  } catch (error) {
    if (gone.signal.aborted) return;
    const message = error instanceof Error ? error.message : String(error);
    api.log?.warn({ error: message, path: request.url }, 'the scripted model could not answer');
    if (response.headersSent) response.destroy();
    else if (error instanceof BadRequest)
      sendError(response, { status: 400, type: 'invalid_request_error', message });
    else sendError(response, { status: 500, type: 'api_error', message });
  }
}

async function route(
  api: MessagesApi,
  request: IncomingMessage,
  response: ServerResponse,
  gone: AbortSignal,
): Promise<void> {
  const path = new URL(request.url ?? '/', 'http://model').pathname;
  const method = request.method === 'HEAD' ? 'GET' : request.method;
  if (method === 'GET' && /^\/v1\/models(\/|$)/.test(path)) return sendModels(api, path, response);
  switch (`${method} ${path}`) {
    case 'POST /v1/messages':
      return answerMessages(api, request, response, gone);
    case 'POST /v1/messages/count_tokens': {
      const body = await readBody(request);
      parseMessagesRequest(body);
      return sendJson(response, { input_tokens: countTokens(body.length) });
    }
    case 'GET /':
      return sendJson(response, { name: 'scripted model', speaks: 'Anthropic Messages API' });
    default:
      return sendError(response, {
        status: 404,
        type: 'not_found_error',
        message: `Not found: ${request.method} ${path}`,
      });
  }
}

/** The models, which cost nothing: only the faults that are meant for them apply. */
function sendModels(
  { faults, lookups }: MessagesApi,
  path: string,
  response: ServerResponse,
): void {
  lookups.push(path);
  if (faults.down) return void response.destroy();
  if (faults.noModelList)
    return sendError(response, {
      status: 404,
      type: 'not_found_error',
      message: `Not found: GET ${path}`,
    });
  const { status, body } = answerModels(path);
  response.writeHead(status, { 'content-type': 'application/json' }).end(body);
}

async function answerMessages(
  api: MessagesApi,
  request: IncomingMessage,
  response: ServerResponse,
  gone: AbortSignal,
): Promise<void> {
  const body = await readBody(request);
  const asked = parseMessagesRequest(body);
  const fault = takeFault(api.faults, asked);
  const answer = remember(api, asked, request, fault);
  if (fault?.kind === 'drop') response.destroy();
  if (fault?.kind === 'refuse') sendError(response, fault.error);
  if (answer === undefined) return;
  if (api.delayMs > 0) await sleep(api.delayMs, undefined, { signal: gone });
  const message = createMessage(answer, asked.model, body.length, api.withCache);
  const client = { session: sessionOf(request), model: asked.model };
  if (asked.stream)
    await writeStream(response, message, {
      deltaMs: api.faults.deltaMs,
      cut: fault?.kind === 'cut',
      signal: gone,
      onWritten: chargeStream(api.bill, client),
    });
  else if (fault?.kind === 'cut') response.destroy();
  else {
    chargeWhole(api.bill, client, message.usage);
    sendJson(response, message);
  }
}

function sessionOf(request: IncomingMessage): string | undefined {
  const session = request.headers['x-claude-code-session-id'];
  return typeof session === 'string' ? session : undefined;
}

/** Decides the answer and keeps it in memory; undefined when a fault takes its place. */
function remember(
  api: MessagesApi,
  asked: MessagesRequest,
  request: IncomingMessage,
  fault: Fault | undefined,
): Answer | undefined {
  const view = parseConversation(asked);
  const side = answerSideRequest(asked, api.suggestion);
  const answered = fault === undefined || fault.kind === 'cut';
  const answer = answered
    ? (side ?? tellStory(view, { own: api.stories, quiet: api.quiet }))
    : undefined;
  const kind = side ? 'side' : 'turn';
  api.requests.push({
    at: new Date().toISOString(),
    model: asked.model,
    effort: asked.output_config?.effort,
    stream: asked.stream,
    kind,
    session: sessionOf(request),
    view,
    answer,
    fault: fault?.kind,
  });
  if (api.requests.length > mostRemembered) api.requests.shift();
  api.log?.info(
    { kind, fault: fault?.kind, texts: view.texts.length, results: view.results.length },
    'the scripted model was asked',
  );
  return answer;
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    const bytes = Buffer.from(chunk);
    size += bytes.length;
    if (size > largestBodyBytes)
      throw new BadRequest(`The request is larger than ${largestBodyBytes} bytes.`);
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function sendJson(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

function sendError(response: ServerResponse, error: ApiError): void {
  response
    .writeHead(error.status, { 'content-type': 'application/json', ...error.headers })
    .end(formatApiError(error));
}
