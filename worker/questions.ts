import type { Conversation } from '../shared/conversation.ts';
import type { Message } from '../shared/message.ts';
import type { Outbox } from '../shared/outbox.ts';
import { createAskedQuestions } from './asked-questions.ts';
import type { AskedParts } from './asked-questions.ts';
import { placeWords } from './place-words.ts';
import { minutesInWords, writeQuestion } from './question.ts';
import type { OpenQuestion, Question } from './question.ts';
import type { TurnContext } from './turn-context.ts';

export type QuestionParts = AskedParts & { outbox: Outbox; answerMs: number };

/** The questions of one turn to its person, one at a time. */
export type Questions = {
  /** The one that waits for an answer. */
  open(): OpenQuestion | undefined;
  /** Whether somebody waits for the answer right now. */
  isWaiting(): boolean;
  /** Messages that have answered a question; they are settled with the turn's next answer. */
  answerers(): string[];
  answer(words: string[], by: Message): Promise<void>;
  /**
   * Asks, and waits for the answer or for the time after which the fallback holds. A question that this turn has asked
   * before it was interrupted is not sent again. Leave that was given serves one call; a call like it asks again.
   * Rejects with the signal's reason.
   */
  ask(question: Question, signal: AbortSignal): Promise<{ words: string[]; answered: boolean }>;
  /** What Claude is told of this turn's questions when it takes up a turn that was interrupted; undefined when nothing was asked before. */
  recall: string | undefined;
  /** Says once that words do not answer the open question. */
  remark(): Promise<void>;
  /**
   * What a tap gets that belongs to a question and does not answer the open one; undefined for any other message. Such
   * a tap is never a prompt.
   */
  tapSentence(message: Message): string | undefined;
  /** Says it, in the step that settles the tap. */
  sayOfTap(tap: Message, sentence: string): Promise<void>;
};

const howToAnswer: Record<Question['kind'], string> = {
  choice: 'To answer my question above, tap a choice, send its number, or swipe it to the right and write.',
  permission: 'My question above still waits: tap an answer or send its number.',
  budget: 'My question above still waits: tap an answer or send its number.',
  plan: 'My plan above still waits: tap an answer, or swipe it to the right and write what should be different.',
};

/** `kept` is what the conversation remembers; `onOpen` is called when a question begins to wait, and may be answered. */
export function createQuestions(
  parts: QuestionParts, context: TurnContext, kept: Pick<Conversation, 'questions' | 'settled'>, onOpen: () => void,
): Questions {
  const { outbox, answerMs, now } = parts;
  const { turn, conversation, fence, slot } = context;
  const asked = createAskedQuestions(parts, context, kept);
  let waiting: { id: string; resolve: () => void } | undefined;
  let last: Promise<unknown> = Promise.resolve();
  const say = async (replies: { id: string; text: string }[]): Promise<void> =>
    void (await outbox.put(replies.map((reply) => ({ ...reply, conversation, turn, aside: true as const })), fence));
  const minutes = answerMs / 60_000;

  /** Returns at the deadline, at the signal, or when the question is settled. */
  const wait = async ({ id, deadline }: OpenQuestion, signal: AbortSignal): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    waiting = { id, resolve };
    const timer = setTimeout(resolve, Math.max(deadline - now(), 0));
    const onAbort = (): void => resolve();
    signal.addEventListener('abort', onAbort, { once: true });
    // Nobody works while the person thinks: another may have the place.
    slot.giveBack();
    onOpen();
    await promise;
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
    waiting = undefined;
    signal.throwIfAborted();
  };

  const settle = async (open: OpenQuestion, words: string[], by: string | undefined): Promise<void> => {
    await asked.settle(open, words, by);
    if (waiting?.id === open.id) waiting.resolve();
  };

  const askOne = async (id: string, question: Question, signal: AbortSignal): Promise<void> => {
    if (asked.answerTo(id)) return;
    const open = await asked.begin(id, question, now() + answerMs);
    const { text, choices } = writeQuestion(id, question, minutes);
    const before = (question.before ?? []).map((part, index) => ({ id: `${id}.before.${index + 1}`, text: part }));
    await say([...before, { id: `${id}.text`, text, ...(choices ? { choices } : {}) }]);
    await wait(open, signal);
    if (asked.answerTo(id)) return;
    await say([{ id: `${id}.unanswered`, text: `No answer in ${minutesInWords(minutes)}, so: ${question.fallback}.` }]);
    await settle(open, [question.fallback], undefined);
  };

  return {
    open: asked.open,
    recall: asked.recall,
    isWaiting: () => waiting !== undefined || slot.isQueued(),
    answerers: asked.answerers,
    tapSentence: asked.tapSentence,
    async answer(words, by) {
      const open = asked.open();
      if (open) await settle(open, words, by.id);
    },
    async ask(question, signal) {
      const before = last;
      const run = (async () => {
        await before.catch(() => undefined);
        signal.throwIfAborted();
        const id = asked.nextId(question);
        await askOne(id, question, signal);
        await asked.useUp(id, question);
        await slot.takeAgain(signal, (position) => say([{ id: `${id}.place`, text: placeWords(position) }]));
        return id;
      })();
      last = run;
      const answer = asked.answerTo(await run);
      return { words: answer?.words ?? [question.fallback], answered: answer?.by !== undefined };
    },
    async sayOfTap({ id }, text) {
      const settlement = { conversation, ids: [id], state: 'answered' as const };
      await outbox.put([{ id: `${id}.settled`, conversation, turn, text }], fence, settlement);
    },
    async remark() {
      const open = asked.open();
      if (open) await say([{ id: `${open.id}.remark`, text: `I pass that on. ${howToAnswer[open.kind]}` }]);
    },
  };
}
