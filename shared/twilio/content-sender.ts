import type { ContentDefinition, ContentForm } from './content.ts';
import type { Contents } from './content-cache.ts';
import type { Log } from '../runtime/log.ts';
import { SendFailure } from '../delivery/messenger.ts';
import { within } from '../runtime/timeout.ts';

type Sent = { sid: string };

/**
 * Sends a question: as a content, created if necessary, or else as text. `asContent` and `asText`
 * post the message and throw SendFailure; the text is only posted when the content's message
 * certainly did not go out. Throws their SendFailure.
 */
export type ContentSender = (
  form: ContentForm,
  asContent: (content: string) => Promise<Sent>,
  asText: () => Promise<Sent>,
) => Promise<Sent>;

export type ContentSenderDeps = {
  contents: Contents;
  /** Creates a content and returns its id. Throws SendFailure. */
  create: (definition: ContentDefinition) => Promise<string>;
  log: Log;
  /**
   * How long a question waits for its content (ms): 5 s by default. A later content serves the next
   * question.
   */
  patienceMs?: number;
};

/** How long a refusal is remembered, and how long a failing service is left alone (seconds). */
const [refusedFor, troubledFor] = [3600, 60];

/** Codes about a single definition; any other refusal to create a content is about the account. */
const aboutDefinition = new Set<number | undefined>([20001, 20422]);

/** Codes for a message whose content was deleted (twilio.com/docs/api/errors/21655, …/21656). */
const unknownContent = new Set<number | undefined>([20404, 21655, 21656]);

export function createContentSender({
  contents,
  create,
  log,
  patienceMs = 5000,
}: ContentSenderDeps): ContentSender {
  const make = async ({ digest, definition }: ContentForm): Promise<string | undefined> => {
    const creation = (async () => {
      const content = await create(definition);
      await contents.keep(digest, content);
      return content;
    })();
    try {
      return await within(patienceMs, creation, () => {
        throw new SendFailure('reconcile', `no answer within ${patienceMs} ms`);
      });
    } catch (error) {
      if (!(error instanceof SendFailure)) throw error;
      log.warn(
        { code: error.code, reason: error.message },
        'a question goes as text: its content was not made',
      );
      // Whether or not a content was created, no message has gone out: an unclear outcome counts as
      // a refusal here.
      if (isForGood(error))
        await contents.refuse(aboutDefinition.has(error.code) ? digest : 'every', refusedFor);
      else await contents.refuse('every', troubledFor);
      return undefined;
    }
  };

  return async (form, asContent, asText) => {
    const known = await contents.find(form.digest);
    if (known === 'refused') return await asText();
    let content = known?.sid ?? (await make(form));
    let isFresh = known === undefined;
    while (content !== undefined) {
      const outcome = await attempt(asContent(content));
      if (!(outcome instanceof SendFailure)) return outcome;
      log.warn({ code: outcome.code, reason: outcome.message }, 'message with a content refused');
      if (isFresh || !unknownContent.has(outcome.code)) break;
      content = await make(form);
      isFresh = true;
    }
    const sent = await asText();
    // Only now is it certain that the content was at fault, and not the person's number or the
    // account.
    if (content !== undefined)
      await contents
        .refuse(form.digest, refusedFor)
        .catch((error: unknown) =>
          log.warn({ err: error }, 'could not store the refusal of a content'),
        );
    return sent;
  };
}

/**
 * The message, or a definite refusal that may be about the content. Throws any other SendFailure.
 */
async function attempt(post: Promise<Sent>): Promise<Sent | SendFailure> {
  try {
    return await post;
  } catch (error) {
    if (error instanceof SendFailure && isForGood(error)) return error;
    throw error;
  }
}

function isForGood({ action }: SendFailure): boolean {
  return action === 'as-text' || action === 'give-up' || action === 'unreachable';
}
