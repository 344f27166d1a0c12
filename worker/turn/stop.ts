import type { Inbox } from '../../shared/store/boxes/inbox.ts';
import type { Log } from '../../shared/runtime/log.ts';
import { isFromPerson } from '../../shared/store/message.ts';
import type { Message } from '../../shared/store/message.ts';
import { anyStopWord, readStop } from './stop-words.ts';

/** The reason for aborting a turn when the person says stop. */
export class StopRequest extends Error {
  override name = 'StopRequest';
  /** The message with the stop. */
  readonly by: Message;

  constructor(by: Message) {
    super('the person said stop');
    this.by = by;
  }
}

/**
 * Whether a person's message is a stop. With `isStrict`, as while a question is open or nothing
 * runs, words that may mean something else, such as “cancel”, do not count. A tap stops only by the
 * id of its button.
 */
export function isStop(message: Message, isStrict = false): boolean {
  if (!isFromPerson(message)) return false;
  if (message.choice) return message.choice.id === '/stop';
  return readStop(message.text, isStrict) === 'stop';
}

export type CancelWatch = { signal: AbortSignal; look(): void };

/**
 * Watches a conversation at work for a stop, and aborts with StopRequest: a stop never waits behind
 * the work that it stops.
 */
export function createCancelWatch(
  inbox: Inbox,
  conversation: string,
  isAsking: () => boolean,
  log: Log,
): CancelWatch {
  const stopping = new AbortController();
  /** A look is under way; `again`: a message has come in since it started. */
  let looking = false;
  let again = false;
  const look = async (): Promise<void> => {
    do {
      again = false;
      const stop = (await inbox.read(conversation, anyStopWord)).find((message) =>
        isStop(message, isAsking()),
      );
      if (stop) stopping.abort(new StopRequest(stop));
    } while (again);
  };
  return {
    signal: stopping.signal,
    look() {
      again = true;
      if (looking) return;
      looking = true;
      void look()
        .catch((error: unknown) => log.warn({ err: error }, 'checking for a stop failed'))
        .finally(() => (looking = false));
    },
  };
}
