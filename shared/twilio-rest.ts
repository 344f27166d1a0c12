import { request } from 'node:http';
import { request as requestSecurely } from 'node:https';
import { z } from 'zod';

/** A message as Twilio lists it, in what is read of it here (twilio.com/docs/messaging/api/message-resource). */
const Listed = z
  .object({ sid: z.string(), from: z.string(), to: z.string(), body: z.string().nullable(), direction: z.string(), status: z.string(), num_media: z.string(), date_created: z.string(), error_code: z.coerce.number().nullable() })
  .transform(({ num_media, date_created, error_code, body, ...plain }) => ({ ...plain, body: body ?? '', numMedia: Number(num_media), dateCreated: new Date(date_created), errorCode: error_code || undefined }));
export type ListedMessage = z.output<typeof Listed>;

const Page = z.object({ messages: z.array(z.unknown()), next_page_uri: z.string().nullable().optional() });

/** One page of a list. `unreadable` is how many of its entries are in no form that is known; `uri` asks for the same page again. */
export type ListedPage = { uri: string; messages: ListedMessage[]; unreadable: number };

/**
 * The two requests that a relay makes all the time, without Twilio's SDK: its loading takes 0.2 s and 20 MB. Both throw: TwilioRefusal, or
 * Node's error when there was no answer.
 */
export type TwilioRest = {
  /** The messages of the account that fit the query, as Twilio orders them: newest first. The next page is asked for when it is wanted. */
  pages(query: Record<string, string>): AsyncGenerator<ListedPage>;
  /** A page that was read before, once more. */
  page(uri: string): Promise<ListedPage>;
  showTyping(messageId: string): Promise<void>;
};

/** An answer that is no success; with Twilio's own code, if it names one. */
export class TwilioRefusal extends Error {
  override name = 'TwilioRefusal';
  readonly status: number;
  readonly code: number | undefined;

  constructor(status: number, code: number | undefined) {
    super(`Twilio answered ${status}`);
    this.status = status;
    this.code = code;
  }
}

/** The messages of a page: Twilio gives up to 1,000, but each may have 1,600 characters, and a webhook must not wait while they are read. */
const pageSize = 200;

type FoundPage = { page: ListedPage; next: string | null | undefined };

/** `apiUrl` stands for api. and messaging.twilio.com; `timeoutMs` is for each request. */
export function createTwilioRest({ accountSid, authToken, apiUrl }: { accountSid: string; authToken: string; apiUrl?: string | undefined }, timeoutMs: number): TwilioRest {
  const authorization = `Basic ${Buffer.from(`${accountSid}:${authToken}`).toString('base64')}`;
  const ask = async (url: string, form?: Record<string, string>): Promise<unknown> => {
    const { status, text } = await exchange(url, authorization, form && new URLSearchParams(form).toString(), timeoutMs);
    if (status < 200 || status > 299) throw new TwilioRefusal(status, codeOf(text));
    return JSON.parse(text);
  };
  const api = apiUrl ?? 'https://api.twilio.com';
  const read = async (uri: string): Promise<FoundPage> => {
    const { messages, next_page_uri: next } = Page.parse(await ask(api + uri));
    const known = messages.flatMap((message) => Listed.safeParse(message).data ?? []);
    return { page: { uri, messages: known, unreadable: messages.length - known.length }, next };
  };
  return {
    async *pages(query) {
      let next: string | null | undefined = `/2010-04-01/Accounts/${accountSid}/Messages.json?${new URLSearchParams({ ...query, PageSize: String(pageSize) }).toString()}`;
      while (next) {
        const found: FoundPage = await read(next);
        yield found.page;
        next = found.next;
      }
    },
    page: async (uri) => (await read(uri)).page,
    async showTyping(messageId) {
      await ask(`${apiUrl ?? 'https://messaging.twilio.com'}/v2/Indicators/Typing.json`, { channel: 'whatsapp', messageId });
    },
  };
}

/** One request: a GET, or a POST of a form. By Node's own client, since `fetch` takes three times its CPU. Throws when there was no answer in time. */
function exchange(url: string, authorization: string, form: string | undefined, timeoutMs: number): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const headers = { Authorization: authorization, ...(form === undefined ? {} : { 'Content-Type': 'application/x-www-form-urlencoded', 'Content-Length': Buffer.byteLength(form) }) };
    const send = url.startsWith('https:') ? requestSecurely : request;
    const sent = send(url, { method: form === undefined ? 'GET' : 'POST', headers, signal: AbortSignal.timeout(timeoutMs) }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (piece: string) => (text += piece));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      response.on('error', reject);
    });
    sent.on('error', reject);
    sent.end(form);
  });
}

/** The code in the body of a refusal (twilio.com/docs/usage/twilios-response#response-formats-exceptions). */
function codeOf(text: string): number | undefined {
  try {
    return z.object({ code: z.number() }).safeParse(JSON.parse(text)).data?.code;
  } catch {
    return undefined;
  }
}

/** A time as Twilio's filters take it: UTC, whole seconds. */
export function filterTime(time: Date): string {
  return `${time.toISOString().slice(0, 19)}Z`;
}
