import { withoutHeading } from '../delivery/about-heading.ts';
import { numberedText } from '../store/choices.ts';
import { defineContent } from './content.ts';
import { createContentSender } from './content-sender.ts';
import { createMemoryContents } from './content-cache.ts';
import type { Contents } from './content-cache.ts';
import type { Log } from '../runtime/log.ts';
import type { FoundMessage, Messenger, Outgoing, Remembered } from '../delivery/messenger.ts';
import { whatsappAddress } from '../runtime/person-address.ts';
import { erasePerson } from './erase-copies.ts';
import type { ContentEraser } from './erase-copies.ts';
import { refusalAction } from './error-codes.ts';
import { createTwilioRest, filterTime } from './rest.ts';
import type { ListedMessage, ListedPage, TwilioRest } from './rest.ts';
import { toSendFailure } from './send-failure.ts';
import type { MessageInstance, TwilioSdk } from './sdk.ts';
import { lazy } from '../runtime/lazy.ts';

export type TwilioAccount = {
  accountSid: string;
  authToken: string;
  /** The product's number, E.164. */
  number: string;
  /** One base address that replaces api., messaging. and content.twilio.com. */
  apiUrl?: string | undefined;
};

/**
 * The time limit of a request to Twilio (ms). Twilio answers in well under a second; after this the
 * outcome is unknown.
 */
export const requestTimeoutMs = 15_000;

/**
 * The Messenger for Twilio's REST API: uses its SDK, loaded when first needed, except for the two
 * requests in `rest.ts`. `contents` stores the contents of questions; by default in memory only.
 */
export function createTwilioMessenger(
  account: TwilioAccount,
  log: Log,
  timeoutMs: number = requestTimeoutMs,
  contents: Contents = createMemoryContents(),
): Messenger {
  const rest = createTwilioRest(account, timeoutMs);
  const connect = lazy(async () => (await import('./sdk.ts')).createTwilioSdk(account, rest));

  const asked = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw toSendFailure(error);
    }
  };
  const guarded = <T>(work: (twilio: TwilioSdk) => Promise<T>): Promise<T> =>
    asked(async () => await work(await connect()));

  const post = (message: Outgoing, payload: Payload, notAfter: number): Promise<{ sid: string }> =>
    asked(async () => {
      const { sid } = await (await connect()).sender(notAfter).messages.create({
        from: whatsappAddress(account.number),
        to: whatsappAddress(message.to),
        statusCallback: message.statusCallback,
        ...payload,
      });
      if (!sid) throw new SyntaxError('Twilio answered without a message id');
      return { sid };
    });
  const ask = createContentSender({
    contents,
    log,
    create: (definition) =>
      guarded(async (twilio) => {
        // The SDK sends the keys unchanged, contrary to its types.
        const { sid } = await twilio.contents.create(definition as never);
        if (!sid) throw new SyntaxError('Twilio answered without a content id');
        return sid;
      }),
  });

  return {
    // A failure here recurs on the next send, which reports it.
    warmUp: () =>
      connect().then(
        () => undefined,
        () => undefined,
      ),
    send: (message, notAfter = Infinity) =>
      asked(async () => {
        if (message.template)
          return await post(message, { contentSid: message.template }, notAfter);
        const { choices, mediaUrl, asText, text } = message;
        const form =
          choices && !mediaUrl && !asText
            ? defineContent(account.accountSid, text, choices)
            : undefined;
        const plain = (): Promise<{ sid: string }> => post(message, bodyOf(message), notAfter);
        if (!form) return await plain();
        return await ask(
          form,
          async (contentSid) => {
            if (form.hasWords) await contents.noteWords(message.to, form.digest, contentSid);
            const contentVariables = JSON.stringify(form.values);
            return await post(message, { contentSid, contentVariables }, notAfter);
          },
          plain,
        );
      }),

    find: (message, since) =>
      guarded(async (twilio) => {
        // No date filter: Twilio filters by send time, which a message still in its queue does not
        // have.
        const listed = await twilio.messages.list({
          to: whatsappAddress(message.to),
          from: whatsappAddress(account.number),
          limit: 100,
        });
        const possible = listed.filter((entry) => isPossible(entry, message, since)).toReversed();
        const exact = possible.filter((entry) => textsOf(message).includes(bodyIn(entry)));
        const same = exact.length > 0 ? exact : possible.filter((entry) => isAlike(entry, message));
        // A failed message may have been sent again, and the store may have lost that.
        return [...same.filter((entry) => !hasFailed(entry)), ...same.filter(hasFailed)].map(
          toFound,
        );
      }),

    async showTyping(messageId) {
      try {
        await rest.showTyping(messageId);
      } catch (error) {
        log.debug({ err: toSendFailure(error) }, 'typing indicator failed');
      }
    },

    ...createListings(account, rest, log, {
      asked,
      listMedia: (sid) => guarded((twilio) => listMedia(twilio, sid)),
      remove: async (sid) => await (await connect()).messages(sid).remove(),
      questions: {
        contents,
        list: async () => await (await connect()).contents.list({ ...listedContents }),
        remove: async (sid) => await (await connect()).contents(sid).remove(),
      },
    }),
  };
}

/**
 * How many of the account's contents are looked at, and in pages of which size. The SDK writes its
 * callbacks into what it is given, so each list gets a copy.
 */
const listedContents = { limit: 2000, pageSize: 100 };

/** Whether a page ends before that time: all later pages are older still. */
function isOlder(messages: ListedMessage[], since: Date): boolean {
  const oldest = messages.at(-1)?.dateCreated;
  return oldest !== undefined && oldest < since;
}

/** Parts of a query to Twilio's list. `asked` maps thrown errors. */
type ListingParts = {
  asked: <T>(work: () => Promise<T>) => Promise<T>;
  listMedia: (sid: string) => ReturnType<Remembered['media']>;
  /** Deletes a message at Twilio. Throws as the SDK does. */
  remove: (sid: string) => Promise<unknown>;
  questions: ContentEraser;
};

function createListings(
  { number }: TwilioAccount,
  rest: TwilioRest,
  log: Log,
  { asked, listMedia, remove, questions }: ListingParts,
): Pick<Messenger, 'received' | 'receivedFrom' | 'sentTo' | 'undelivered' | 'eraseCopies'> {
  /** The pages of Twilio's list, loaded on demand. */
  const pages = async function* (query: Record<string, string>): AsyncGenerator<ListedPage> {
    const found = rest.pages(query);
    for (;;) {
      const { done, value } = await asked(() => found.next());
      if (done) return;
      if (value.unreadable > 0)
        log.warn({ unreadable: value.unreadable }, 'unreadable entries in Twilio’s list skipped');
      yield value;
    }
  };

  /** All messages from one address to another since then, newest first. */
  const between = async (from: string, to: string, since: Date): Promise<ListedMessage[]> => {
    const found: ListedMessage[] = [];
    const query = { To: whatsappAddress(to), From: whatsappAddress(from) };
    for await (const { messages } of pages(query)) {
      found.push(...messages.filter(({ dateCreated }) => dateCreated >= since));
      if (isOlder(messages, since)) break;
    }
    return found;
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
        // Requested again, the first page begins with newer messages and lacks its original end.
        yield {
          messages,
          again: isFirst
            ? async () => messages
            : () => asked(async () => toRemembered(await rest.page(page.uri))),
        };
        isFirst = false;
      }
    },

    async receivedFrom(person, since) {
      const found = await between(person, number, since);
      return new Map(found.map(({ sid, dateCreated }) => [sid, dateCreated]));
    },

    async sentTo(person, since) {
      const found = await between(number, person, since);
      return found
        .toReversed()
        .map(({ sid, body, dateCreated }) => ({ sid, text: body, at: dateCreated }));
    },

    async eraseCopies(person, until) {
      const [us, them] = [number, person].map(whatsappAddress) as [string, string];
      const sids: string[] = [];
      for (const query of [
        { To: them, From: us },
        { To: us, From: them },
      ])
        for await (const { messages } of pages(query))
          for (const { sid, dateCreated } of messages) if (dateCreated <= until) sids.push(sid);
      return await erasePerson(person, { sids, remove }, questions);
    },

    async *undelivered(since) {
      // No date filter: Twilio filters by send time, which a message that was never sent may not
      // have.
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

/** Twilio refuses a body or a file beside a content. */
type Payload =
  { contentSid: string; contentVariables?: string } | { body?: string; mediaUrl?: string[] };

function bodyOf({ text, choices, mediaUrl }: Outgoing): Payload {
  const body = choices ? numberedText(text, choices) : text;
  return { ...(body ? { body } : {}), ...(mediaUrl ? { mediaUrl: [mediaUrl] } : {}) };
}

function hasFailed({ status }: MessageInstance): boolean {
  return status === 'failed' || status === 'undelivered';
}

/** A failed message has the refusal that its status callback reported. */
function toFound(entry: MessageInstance): FoundMessage {
  if (!hasFailed(entry)) return { sid: entry.sid };
  const code = entry.errorCode || undefined;
  return { sid: entry.sid, refusal: { action: refusalAction(code), code } };
}

/**
 * Whether the entry may be the message by all but its text; only Twilio knows that of a template.
 */
function isPossible(entry: MessageInstance, message: Outgoing, since: Date): boolean {
  return (
    entry.direction !== 'inbound' &&
    Number(entry.numMedia) > 0 === (message.mediaUrl !== undefined) &&
    entry.dateCreated.getTime() >= since.getTime()
  );
}

function bodyIn(entry: MessageInstance): string {
  return (entry.body ?? '').trim();
}

/** Whether it is the message under another heading, or a template. */
function isAlike(entry: MessageInstance, { template, text }: Outgoing): boolean {
  if (template !== undefined) return true;
  const [body, own] = [bodyIn(entry), text.trim()];
  const [bare, ownBare] = [withoutHeading(body), withoutHeading(own)];
  return (bare !== body || ownBare !== own) && bare === ownBare;
}

/**
 * The possible texts of the message in Twilio's list: for a content, its body with the variables
 * filled in.
 */
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

async function listMedia(twilio: TwilioSdk, sid: string): Promise<{ url: string; type: string }[]> {
  const media = await twilio.messages(sid).media.list({ limit: 10 });
  return media.map((file) => ({
    url: new URL(file.uri.replace(/\.json$/, ''), twilio.api).href,
    type: file.contentType,
  }));
}
