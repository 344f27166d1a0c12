import type { Message } from '../../shared/store/message.ts';
import type { AgentEvent } from '../agent/agent.ts';
import type { ReadMessage } from './format-prompt.ts';

/** What can happen to a turn. */
export type TurnEvent =
  /** A message has come in; without an id there may be any number, as after a lost connection. */
  | { kind: 'message'; id: string | undefined }
  /**
   * The inbox is to be read again, although nothing may have come in. `onRead` is called when nothing
   * that came before is left to be looked at or read.
   */
  | { kind: 'look'; onRead?: () => void }
  /** A message's files are fetched and read; `quoted` is the id of our reply that it quotes. */
  | { kind: 'read'; message: Message; quoted: string | undefined; found: ReadMessage }
  /** All messages that were taken up are read. */
  | { kind: 'all-read' }
  /** An answer has left nothing that must be looked for. */
  | { kind: 'answered' }
  /** The agent has said or done something. */
  | { kind: 'agent'; event: AgentEvent }
  /** Something beside the answers was sent to the person. */
  | { kind: 'sent' }
  /** A line about the progress is due. */
  | { kind: 'progress-due' }
  /** A question waits for its answer, which may have come in already. */
  | { kind: 'question-opened' }
  /** A question has waited for long; its default applies at `deadline` (ms since 1970). */
  | { kind: 'question-held'; question: string; deadline: number }
  /** The position in the queue for a slot has changed, or the wait was long. */
  | { kind: 'wait-changed' }
  /** Something that the turn does beside its events has failed. */
  | { kind: 'failed'; error: unknown }
  /** The signal has aborted: a stop, silence, an interruption, a failure. */
  | { kind: 'aborted' }
  /** The work is over, with an error if it has failed. */
  | { kind: 'ended'; error?: unknown };

/**
 * What happens to a turn, in order, for the one loop that handles it. Cancellation does not wait in
 * it: that goes through the turn's AbortSignal.
 */
export type Mailbox = {
  /** Returns at once. Does nothing after the close. */
  post(event: TurnEvent): void;
  /**
   * Returns when the event is handled. Rejects with the handler's error, and with MailboxClosed. A
   * handler must not wait for it: it would wait for itself.
   */
  deliver(event: TurnEvent): Promise<void>;
  /** What is not handled yet, oldest first. */
  waiting(): readonly TurnEvent[];
  /**
   * Waits for the next event, handles it, and returns it. Rejects with the handler's error if no
   * sender waits for it. Never called twice at a time.
   */
  next(handle: (event: TurnEvent) => unknown): Promise<TurnEvent>;
  close(): void;
};

/** The turn does not handle anything any more. */
export class MailboxClosed extends Error {
  override name = 'MailboxClosed';
}

type Sender = { resolve: () => void; reject: (error: unknown) => void };

export function createMailbox(): Mailbox {
  const letters: { event: TurnEvent; sender?: Sender }[] = [];
  let wake: (() => void) | undefined;
  let isClosed = false;
  const add = (event: TurnEvent, sender?: Sender): void => {
    letters.push({ event, ...(sender ? { sender } : {}) });
    wake?.();
  };
  return {
    post(event) {
      if (!isClosed) add(event);
    },
    async deliver(event) {
      if (isClosed) throw new MailboxClosed('the turn is over');
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      add(event, { resolve, reject });
      await promise;
    },
    waiting: () => letters.map(({ event }) => event),
    async next(handle) {
      let letter = letters.shift();
      for (; !letter; letter = letters.shift())
        await new Promise<void>((resolve) => (wake = resolve));
      try {
        await handle(letter.event);
        letter.sender?.resolve();
      } catch (error) {
        if (!letter.sender) throw error;
        letter.sender.reject(error);
      }
      return letter.event;
    },
    close() {
      isClosed = true;
      for (const { sender } of letters.splice(0))
        sender?.reject(new MailboxClosed('the turn is over'));
    },
  };
}
