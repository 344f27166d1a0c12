import { request as requestSecurely } from 'node:https';
import { z } from 'zod';
import { http } from '../runtime/http/http.ts';
import { parseJson } from '../runtime/json.ts';

/**
 * A message in Twilio's list, with the fields that are read here
 * (twilio.com/docs/messaging/api/message-resource).
 */
const Listed = z
  .object({
    sid: z.string(),
    from: z.string(),
    to: z.string(),
    body: z.string().nullable(),
    direction: z.string(),
    status: z.string(),
    num_media: z.string(),
    date_created: z.string(),
    error_code: z.coerce.number().nullable(),
  })
  .transform(({ num_media, date_created, error_code, body, ...plain }) => ({
    ...plain,
    body: body ?? '',
    numMedia: Number(num_media),
    dateCreated: new Date(date_created),
    errorCode: error_code || undefined,
  }));
export type ListedMessage = z.output<typeof Listed>;

const Page = z.object({
  messages: z.array(z.unknown()),
  next_page_uri: z.string().nullable().optional(),
});

/** The fields of a form or a query, as the SDK gives them. */
const Field = z.union([z.string(), z.number()]);
const Form = z.record(z.string(), z.union([Field, z.array(Field)]));

/** A request as the SDK makes it of its own client, and the answer that it expects. */
type SdkRequest = {
  method: string;
  uri: string;
  headers?: Record<string, string>;
  params?: unknown;
  data?: unknown;
};
export type SdkTransport = {
  request(options: SdkRequest): Promise<{ statusCode: number; body: unknown }>;
};

/**
 * One page of a list. `unreadable` is the number of entries in an unknown form; `uri` requests the
 * same page again.
 */
export type ListedPage = { uri: string; messages: ListedMessage[]; unreadable: number };

/**
 * The relay's two frequent requests (the list and “typing…”), and the SDK's way to the network. The
 * two go without Twilio's SDK: “typing…” comes within a second on the relay's sixteenth of a core,
 * where the SDK's parts alone take 0.3 s to load, and a list goes on past an entry in an unknown
 * form. Each throws: TwilioRefusal, or Node's error without an answer.
 */
export type TwilioRest = {
  /** Makes the SDK's requests, and returns each answer as it is, also an unsuccessful one. */
  transport: SdkTransport;
  /**
   * Makes the SDK's POST of a form. After `notAfter` (ms since 1970) nothing is written to the
   * connection: it throws LateRequest.
   */
  sendBefore(notAfter: number): SdkTransport;
  /**
   * The account's messages that match the query, in Twilio's order: newest first. Loads the next
   * page on demand.
   */
  pages(query: Record<string, string>): AsyncGenerator<ListedPage>;
  /** Reloads a page that was read before. */
  page(uri: string): Promise<ListedPage>;
  showTyping(messageId: string): Promise<void>;
};

/** An unsuccessful answer; with Twilio's own code, if present. */
class TwilioRefusal extends Error {
  override name = 'TwilioRefusal';
  readonly status: number;
  readonly code: number | undefined;

  constructor(status: number, code: number | undefined) {
    super(`Twilio answered ${status}`);
    this.status = status;
    this.code = code;
  }
}

/** A request that was not written in time, and so did not reach Twilio. */
class LateRequest extends Error {
  override name = 'LateRequest';

  constructor() {
    super('the connection was ready too late for this request');
  }
}

/**
 * The messages per page: Twilio allows up to 1,000, but each may have 1,600 characters, and parsing
 * them must not delay a webhook.
 */
const pageSize = 200;

/** Where the messages of every account are. */
export const apiAddress = 'https://api.twilio.com';

type FoundPage = { page: ListedPage; next: string | null | undefined };

/** `apiUrl` replaces api. and messaging.twilio.com; `timeoutMs` applies to each request. */
export function createTwilioRest(
  {
    accountSid,
    authToken,
    apiUrl,
  }: { accountSid: string; authToken: string; apiUrl?: string | undefined },
  timeoutMs: number,
): TwilioRest {
  const authorization = `Basic ${Buffer.from(`${accountSid}:${authToken}`).toString('base64')}`;
  const ask = async (url: string, form?: unknown, notAfter?: number): Promise<unknown> => {
    const body = form === undefined ? undefined : encodeForm(form);
    const { status, text } = await exchange({ url, authorization, body, timeoutMs, notAfter });
    if (status < 200 || status > 299) throw new TwilioRefusal(status, codeOf(text));
    return JSON.parse(text);
  };
  const api = apiUrl ?? apiAddress;
  const read = async (uri: string): Promise<FoundPage> => {
    const { messages, next_page_uri: next } = Page.parse(await ask(api + uri));
    const known = messages.flatMap((message) => Listed.safeParse(message).data ?? []);
    return { page: { uri, messages: known, unreadable: messages.length - known.length }, next };
  };
  return {
    transport: {
      async request({ method, uri, headers, params, data }) {
        const url = params === undefined ? uri : `${uri}?${encodeForm(params)}`;
        const type = headers?.['Content-Type'] ?? formType;
        const encode = type === jsonType ? JSON.stringify : encodeForm;
        const { status, text } = await exchange({
          url,
          method: method.toUpperCase(),
          authorization,
          body: data === undefined ? undefined : encode(data),
          type,
          timeoutMs,
        });
        return { statusCode: status, body: text };
      },
    },
    sendBefore: (notAfter) => ({
      request: async ({ uri, data }) => ({
        statusCode: 201,
        body: await ask(uri, Form.parse(data), notAfter),
      }),
    }),
    async *pages(query) {
      let next: string | null | undefined =
        `/2010-04-01/Accounts/${accountSid}/Messages.json?${new URLSearchParams({ ...query, PageSize: String(pageSize) }).toString()}`;
      while (next) {
        const found: FoundPage = await read(next);
        yield found.page;
        next = found.next;
      }
    },
    page: async (uri) => (await read(uri)).page,
    async showTyping(messageId) {
      await ask(`${apiUrl ?? 'https://messaging.twilio.com'}/v2/Indicators/Typing.json`, {
        channel: 'whatsapp',
        messageId,
      });
    },
  };
}

/** Throws when it is no form. */
function encodeForm(form: unknown): string {
  const fields = Object.entries(Form.parse(form)).flatMap(([name, values]) =>
    [values].flat().map((value) => [name, String(value)]),
  );
  return new URLSearchParams(fields).toString();
}

const formType = 'application/x-www-form-urlencoded';
const jsonType = 'application/json';

/** `type` is that of the body, a form unless given. */
type Exchange = {
  url: string;
  method?: string;
  authorization: string;
  body?: string | undefined;
  type?: string;
  timeoutMs: number;
  notAfter?: number | undefined;
};

/**
 * One request: a GET, or a POST where it has a body, unless `method` is given. Uses Node's own
 * client, since `fetch` takes three times its CPU. Throws without an answer in time. A process can
 * be halted at any point (SIGSTOP, a suspended machine), so the deadline is checked when the
 * connection is ready, in the same step that writes the request, without waiting in between.
 */
function exchange(asked: Exchange): Promise<{ status: number; text: string }> {
  const { url, authorization, body, timeoutMs, type = formType, notAfter = Infinity } = asked;
  return new Promise((resolve, reject) => {
    const ofBody = { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body ?? '') };
    const headers = { Authorization: authorization, ...(body === undefined ? {} : ofBody) };
    const isSecure = url.startsWith('https:');
    const method = asked.method ?? (body === undefined ? 'GET' : 'POST');
    const sent = (isSecure ? requestSecurely : http.request)(
      url,
      { method, headers, signal: AbortSignal.timeout(timeoutMs) },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (piece: string) => (text += piece));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
        response.on('error', reject);
      },
    );
    const write = (): void => {
      if (Date.now() > notAfter) sent.destroy(new LateRequest());
      else sent.end(body);
    };
    sent.on('error', reject);
    sent.once('socket', (socket) => {
      if (sent.reusedSocket) write();
      else socket.once(isSecure ? 'secureConnect' : 'connect', write);
    });
  });
}

/**
 * The code in the body of a refusal
 * (twilio.com/docs/usage/twilios-response#response-formats-exceptions).
 */
function codeOf(text: string): number | undefined {
  return z.object({ code: z.number() }).safeParse(parseJson(text)).data?.code;
}

/** A time for Twilio's filters: UTC, whole seconds. */
export function filterTime(time: Date): string {
  return `${time.toISOString().slice(0, 19)}Z`;
}
