import type { OpenQuestion } from './question.ts';
import type { TurnSlot } from '../process/slots.ts';
import type { Mailbox } from '../turn/mailbox.ts';

/**
 * The reason for releasing a turn while its person thinks. `deadline`: when the question's default
 * applies (ms since 1970).
 */
export class AwaitingAnswer extends Error {
  override name = 'AwaitingAnswer';
  readonly deadline: number;

  constructor(deadline: number) {
    super('a question waits for its answer');
    this.deadline = deadline;
  }
}

/**
 * The mailbox receives that a question waits, and each `holdMs` that it still does: then the turn
 * may be released until the answer.
 */
export type AnswerWaitDeps = {
  slot: TurnSlot;
  mailbox: Pick<Mailbox, 'post'>;
  holdMs: number;
  now: () => number;
};

/** The wait for the answer to the open question; there is at most one. */
export type AnswerWait = {
  isWaiting(): boolean;
  /** Returns at the deadline, or when the question is settled. Rejects with the signal's reason. */
  wait(open: OpenQuestion, signal: AbortSignal): Promise<void>;
  /** The question is settled. */
  close(id: string): void;
};

export function createAnswerWait({ slot, mailbox, holdMs, now }: AnswerWaitDeps): AnswerWait {
  let waiting: { id: string; resolve: () => void } | undefined;
  return {
    isWaiting: () => waiting !== undefined,
    async wait({ id, deadline }, signal) {
      const { promise, resolve } = Promise.withResolvers<void>();
      waiting = { id, resolve };
      const timer = setTimeout(resolve, Math.max(deadline - now(), 0));
      const holding = setInterval(() => {
        if (deadline > now()) mailbox.post({ kind: 'question-held', question: id, deadline });
      }, holdMs);
      const onAbort = (): void => resolve();
      signal.addEventListener('abort', onAbort, { once: true });
      // Nothing runs while the person thinks, so another turn may use the slot.
      slot.giveBack();
      mailbox.post({ kind: 'question-opened' });
      await promise;
      clearTimeout(timer);
      clearInterval(holding);
      signal.removeEventListener('abort', onAbort);
      waiting = undefined;
      signal.throwIfAborted();
    },
    close(id) {
      if (waiting?.id === id) waiting.resolve();
    },
  };
}
