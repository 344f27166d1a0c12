import { isFromPerson, stopButton } from '../../shared/store/message.ts';
import type { Message } from '../../shared/store/message.ts';
import type { Questions } from '../questions/questions.ts';
import type { TurnContext } from './context.ts';
import { isNews } from './decisions.ts';
import type { TurnDeps } from './deps.ts';
import { anyStopWord, readStop } from './stop-words.ts';

/** The reason for aborting a turn when the person says stop. */
export class StopRequest extends Error {
  override name = 'StopRequest';
  /** The message with the stop. */
  readonly by: Message;
  /** A question waited for the person, so the step that was to come had not begun. */
  readonly isAsked: boolean;

  constructor(by: Message, isAsked: boolean) {
    super('the person said stop');
    this.by = by;
    this.isAsked = isAsked;
  }
}

/**
 * Whether a message stops the work of `turn`. With `isStrict`, as while a question is open or
 * nothing runs, words that may mean something else, such as “cancel”, do not count. A tap stops
 * only by the id of its button; that of a live page, and a stop from the dashboard, stop their own
 * turn only.
 */
export function isStop(message: Message, isStrict = false, turn?: string): boolean {
  if (message.stops !== undefined) return message.stops === turn;
  if (!isFromPerson(message)) return false;
  const { choice } = message;
  if (choice)
    return choice.id === '/stop' || (turn !== undefined && choice.id === stopButton(turn));
  return readStop(message.text, isStrict) === 'stop';
}

export type CancelWatch = { signal: AbortSignal; look(): void; end(): void };

/**
 * Watches a conversation at work for a stop, and aborts with StopRequest. It learns of new messages
 * itself and looks beside the turn's mailbox: a stop never waits behind the work that it stops, nor
 * behind an event that is being handled.
 */
export function createCancelWatch(
  { stores: { inbox }, arrivals }: Pick<TurnDeps, 'stores' | 'arrivals'>,
  { conversation, turn, mailbox, log }: TurnContext,
  questions: Pick<Questions, 'open'>,
  { hasSeen }: { hasSeen(id: string): boolean },
): CancelWatch {
  const stopping = new AbortController();
  /** A look is under way; `again`: a message has come in since it started. */
  let looking = false;
  let again = false;
  const look = async (): Promise<void> => {
    do {
      again = false;
      const waiting = await inbox.read(conversation, anyStopWord);
      const isAsked = questions.open() !== undefined;
      const stop = waiting.find((message) => isStop(message, isAsked, turn));
      if (stop) stopping.abort(new StopRequest(stop, isAsked));
    } while (again);
  };
  const lookSoon = (): void => {
    again = true;
    if (looking) return;
    looking = true;
    void look()
      .catch((error: unknown) => log.warn({ err: error }, 'checking for a stop failed'))
      .finally(() => (looking = false));
  };
  const end = arrivals.listen(conversation, (id) => {
    if (isNews({ kind: 'message', id }, hasSeen)) lookSoon();
  });
  // What came in before, and no look at the inbox has seen, is in the mailbox.
  if (mailbox.waiting().some((event) => isNews(event, hasSeen))) lookSoon();
  return { signal: stopping.signal, look: lookSoon, end };
}
