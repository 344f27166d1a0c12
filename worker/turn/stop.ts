import type { Inbox } from '../../shared/store/boxes/inbox.ts';
import type { Log } from '../../shared/runtime/log.ts';
import { isFromPerson } from '../../shared/store/message.ts';
import type { Message } from '../../shared/store/message.ts';

/** The reason with which a turn is aborted when the person says stop. */
export class StopRequest extends Error {
  override name = 'StopRequest';
  /** The message that said it. */
  readonly by: Message;

  constructor(by: Message) {
    super('the person said stop');
    this.by = by;
  }
}

/** Whether a person's message means: end what you are doing. */
export function isStop(message: Message): boolean {
  return isFromPerson(message) && /^\/?stop[.!]?$/i.test(message.text.trim());
}

export type StopWatch = { signal: AbortSignal; look(): void };

/**
 * Looks for a stop in a conversation at work, and aborts with StopRequest: it never waits behind
 * the work that it stops.
 */
export function createStopWatch(inbox: Inbox, conversation: string, log: Log): StopWatch {
  const stopping = new AbortController();
  /** One look is under way; `again`: something has come in since it began. */
  let looking = false;
  let again = false;
  const look = async (): Promise<void> => {
    do {
      again = false;
      const stop = (await inbox.read(conversation, /stop/i)).find(isStop);
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
        .catch((error: unknown) => log.warn({ err: error }, 'could not look for a stop'))
        .finally(() => (looking = false));
    },
  };
}
