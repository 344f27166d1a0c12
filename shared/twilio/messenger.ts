import type { Twilio } from 'twilio';
import type { MessageInstance } from 'twilio/lib/rest/api/v2010/account/message.js';
import { numberedText } from '../store/choices.ts';
import { defineContent } from './content.ts';
import { createContentSender } from './content-sender.ts';
import { createMemoryContents } from './content-cache.ts';
import type { Contents } from './content-cache.ts';
import type { Log } from '../runtime/log.ts';
import { SendFailure } from '../delivery/messenger.ts';
import type { Messenger, Outgoing, Remembered } from '../delivery/messenger.ts';
import { whatsappAddress } from '../runtime/person-address.ts';
import { refusalAction } from './error-codes.ts';
import { reportError } from '../runtime/errors.ts';
import { createTwilioRest, filterTime } from './rest.ts';
import type { ListedMessage, ListedPage, TwilioRest } from './rest.ts';

export type TwilioAccount = {
  accountSid: string;
  authToken: string;
  /** The product's number, E.164. */
  number: string;
  /** One base address that stands for api., messaging. and content.twilio.com. */
  apiUrl?: string | undefined;
};

/**
 * How long one request to Twilio may take (ms). Twilio answers in well under a second; after this
 * the outcome is unknown.
 */
export const requestTimeoutMs = 15_000;

/** Node's codes for "never reached": the request was certainly not processed. */
const unreached = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN']);

/**
 * The Messenger that speaks Twilio's REST: through its SDK, but for what `rest.ts` does. The
 * SDK is loaded when a question is made or a message looked up: it is large, and the relay rarely
 * does either. `contents` is what is known of the contents behind questions; unless given, this
 * messenger alone remembers them.
 */
export function createTwilioMessenger(
  account: TwilioAccount,
  log: Log,
  timeoutMs: number = requestTimeoutMs,
  contents: Contents = createMemoryContents(),
): Messenger {
  let loading: Promise<Twilio> | undefined;
  const client = (): Promise<Twilio> => (loading ??= connect(account, timeoutMs));

  const rest = createTwilioRest(account, timeoutMs);

  const asked = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw toSendFailure(error);
    }
  };
  const guarded = <T>(work: (twilio: Twilio) => Promise<T>): Promise<T> =>
    asked(async () => await work(await client()));

  const post = (message: Outgoing, payload: Payload, notAfter: number): Promise<{ sid: string }> =>
    asked(async () => {
      const [From, To] = [account.number, message.to].map(whatsappAddress) as [string, string];
      return {
        sid: await rest.create(
          { From, To, StatusCallback: message.statusCallback, ...payload },
          notAfter,
        ),
      };
    });
  const ask = createContentSender({
    contents,
    log,
    create: (definition) =>
      guarded(async (twilio) => {
        // The SDK sends the keys as they are and types them otherwise.
        const { sid } = await twilio.content.v1.contents.create(definition as never);
        if (!sid) throw new SyntaxError('Twilio answered without a content id');
        return sid;
      }),
  });

  return {
    // Whoever sends meets the trouble again.
    warmUp: () =>
      client().then(
        () => undefined,
        () => undefined,
      ),
    send: (message, notAfter = Infinity) =>
      asked(async () => {
        if (message.template)
          return await post(message, { ContentSid: message.template }, notAfter);
        const { choices, mediaUrl, asText, text } = message;
        const form =
          choices && !mediaUrl && !asText
            ? defineContent(account.accountSid, text, choices)
            : undefined;
        const plain = (): Promise<{ sid: string }> => post(message, bodyOf(message), notAfter);
        if (!form) return await plain();
        return await ask(
          form,
          (ContentSid) =>
            post(message, { ContentSid, ContentVariables: JSON.stringify(form.values) }, notAfter),
          plain,
        );
      }),

    find: (message, since) =>
      guarded(async (twilio) => {
        // No date filter: Twilio filters by the time of sending, which a message that is still
        // queued does not have.
        const listed = await twilio.messages.list({
          to: whatsappAddress(message.to),
          from: whatsappAddress(account.number),
          limit: 100,
        });
        const same = listed.filter((entry) => isSame(entry, message, since)).toReversed();
        // One that failed may have been sent again, which the store may have forgotten.
        return [...same.filter((entry) => !hasFailed(entry)), ...same.filter(hasFailed)].map(
          (entry) => entry.sid,
        );
      }),

    async showTyping(messageId) {
      try {
        await rest.showTyping(messageId);
      } catch (error) {
        log.debug({ err: toSendFailure(error) }, 'no typing indicator');
      }
    },

    ...createListings(account, rest, log, {
      asked,
      listMedia: (sid) => guarded((twilio) => listMedia(twilio, sid)),
    }),
  };
}

/** Whether a page ends before that time: what comes after it is older still. */
function isOlder(messages: ListedMessage[], since: Date): boolean {
  const oldest = messages.at(-1)?.dateCreated;
  return oldest !== undefined && oldest < since;
}

/** What is asked of Twilio's list. `asked` maps what is thrown. */
type ListingParts = {
  asked: <T>(work: () => Promise<T>) => Promise<T>;
  listMedia: (sid: string) => ReturnType<Remembered['media']>;
};

function createListings(
  { number }: TwilioAccount,
  rest: TwilioRest,
  log: Log,
  { asked, listMedia }: ListingParts,
): Pick<Messenger, 'received' | 'sentTo' | 'undelivered'> {
  /** The pages of Twilio's list, for as long as more are wanted. */
  const pages = async function* (query: Record<string, string>): AsyncGenerator<ListedPage> {
    const found = rest.pages(query);
    for (;;) {
      const { done, value } = await asked(() => found.next());
      if (done) return;
      if (value.unreadable > 0)
        log.warn({ unreadable: value.unreadable }, 'entries of Twilio’s list are in no known form');
      yield value;
    }
  };

  return {
    async *received(since) {
      const toRemembered = ({ messages }: ListedPage): Remembered[] =>
        messages
          .filter((entry) => entry.direction === 'inbound')
          .toReversed()
          .map((entry) =>
            remember(entry, () =>
              entry.numMedia > 0 ? listMedia(entry.sid) : Promise.resolve([]),
            ),
          );
      let isFirst = true;
      for await (const page of pages({
        To: whatsappAddress(number),
        'DateSent>': filterTime(since),
      })) {
        const messages = toRemembered(page);
        // Asked for again, the first page begins with what has come meanwhile and no longer has its
        // end.
        yield {
          messages,
          again: isFirst
            ? async () => messages
            : () => asked(async () => toRemembered(await rest.page(page.uri))),
        };
        isFirst = false;
      }
    },

    async sentTo(person, since) {
      const found: { sid: string; text: string; at: Date }[] = [];
      for await (const { messages } of pages({
        To: whatsappAddress(person),
        From: whatsappAddress(number),
      })) {
        const outbound = messages.filter(
          (entry) => entry.direction !== 'inbound' && entry.dateCreated >= since,
        );
        found.push(
          ...outbound.map((entry) => ({ sid: entry.sid, text: entry.body, at: entry.dateCreated })),
        );
        if (isOlder(messages, since)) break;
      }
      return found.toReversed();
    },

    async *undelivered(since) {
      // No date filter: Twilio filters by the time of sending, which a message that was never sent
      // may not have.
      for await (const { messages } of pages({ From: whatsappAddress(number) })) {
        for (const entry of messages) {
          const isLost =
            entry.direction !== 'inbound' &&
            (entry.status === 'failed' || entry.status === 'undelivered');
          if (isLost && entry.dateCreated >= since)
            yield { sid: entry.sid, to: entry.to.replace(/^whatsapp:/, ''), code: entry.errorCode };
        }
        if (isOlder(messages, since)) return;
      }
    },
  };
}

async function connect(account: TwilioAccount, timeout: number): Promise<Twilio> {
  const { default: twilio } = await import('twilio');
  const client = twilio(account.accountSid, account.authToken, { timeout });
  if (account.apiUrl) {
    client.api.baseUrl = account.apiUrl;
    client.messaging.baseUrl = account.apiUrl;
    client.content.baseUrl = account.apiUrl;
  }
  return client;
}

/** Twilio refuses a body or a file beside a content. */
type Payload =
  { ContentSid: string; ContentVariables?: string } | { Body?: string; MediaUrl?: string };

function bodyOf({ text, choices, mediaUrl }: Outgoing): Payload {
  const body = choices ? numberedText(text, choices) : text;
  return { ...(body ? { Body: body } : {}), ...(mediaUrl ? { MediaUrl: mediaUrl } : {}) };
}

function hasFailed({ status }: MessageInstance): boolean {
  return status === 'failed' || status === 'undelivered';
}

function isSame(entry: MessageInstance, message: Outgoing, since: Date): boolean {
  return (
    entry.direction !== 'inbound' &&
    // What a template looks like is Twilio's to say.
    (message.template !== undefined || textsOf(message).includes((entry.body ?? '').trim())) &&
    Number(entry.numMedia) > 0 === (message.mediaUrl !== undefined) &&
    entry.dateCreated.getTime() >= since.getTime()
  );
}

/** What Twilio's list may show as the message's text: that of a content is its body, filled in. */
function textsOf({ text, choices }: Outgoing): string[] {
  return [text, ...(choices ? [numberedText(text, choices)] : [])].map((form) => form.trim());
}

function remember(entry: ListedMessage, media: Remembered['media']): Remembered {
  return {
    id: entry.sid,
    from: entry.from,
    to: entry.to,
    text: entry.body,
    at: entry.dateCreated,
    media,
  };
}

async function listMedia(twilio: Twilio, sid: string): Promise<{ url: string; type: string }[]> {
  const media = await twilio.messages(sid).media.list({ limit: 10 });
  return media.map((file) => ({
    url: new URL(file.uri.replace(/\.json$/, ''), twilio.api.baseUrl).href,
    type: file.contentType,
  }));
}

/**
 * Maps what the SDK throws. A refusal has Twilio's code or an HTTP status; no connection at all is
 * certain; everything else (time-out, reset, an answer that is not JSON) leaves open whether the
 * message went out (twilio.com/docs/api/errors/20500).
 */
function toSendFailure(error: unknown): SendFailure {
  if (error instanceof SendFailure) return error;
  const { message, code } = reportError(error);
  const status =
    error instanceof Error && 'status' in error && typeof error.status === 'number'
      ? error.status
      : undefined;
  if (status !== undefined) {
    const twilioCode = code && /^\d+$/.test(code) ? Number(code) : undefined;
    return new SendFailure(refusalAction(twilioCode, status), message, twilioCode);
  }
  return new SendFailure(
    code && unreached.has(code) ? 'later' : 'reconcile',
    code ? `${code}: ${message}` : message,
  );
}
