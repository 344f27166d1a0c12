import type { Choices } from '../../shared/store/choices.ts';
import type { Conversation } from '../../shared/store/conversation.ts';
import type { Message } from '../../shared/store/message.ts';
import { createAnswerWait } from './answer-wait.ts';
import { afterwards, createAskedQuestions } from './asked-questions.ts';
import { fitQuestion } from './fit-question.ts';
import { formatQueuePosition } from '../process/slots.ts';
import {
  answersByFile,
  minutesInWords,
  readSaidAnswer,
  writeAgain,
  writeQuestion,
} from './question.ts';
import type { OpenQuestion, Question } from './question.ts';
import type { TurnContext } from '../turn/context.ts';
import type { TurnDeps } from '../turn/deps.ts';
import type { Mailbox } from '../turn/mailbox.ts';

/** The questions of one turn to its person, one at a time. */
export type Questions = {
  /** The question that waits for an answer. */
  open(): OpenQuestion | undefined;
  /**
   * Removes from the inbox the messages that answered questions of an ended turn, since they are
   * not prompts. Returns the other messages. Throws FencedError.
   */
  withoutAnswers(messages: Message[]): Promise<Message[]>;
  /** Whether the turn is waiting for the answer right now. */
  isWaiting(): boolean;
  /** Messages that answered a question; the turn's next answer settles them. */
  answerers(): string[];
  answer(words: string[], by: Message): Promise<void>;
  /** Settles the open question with its default after its deadline, and says so in the chat. */
  expire(): Promise<void>;
  /** Whether the open question is in the outbox. */
  wasSaid(): Promise<boolean>;
  /**
   * Asks, and waits for the answer or for the timeout after which the fallback applies. A question
   * asked before an interruption of this turn is not sent again. An approval covers one call; the
   * next such call asks again. Rejects with the signal's reason.
   */
  ask(question: Question, signal: AbortSignal): Promise<{ words: string[]; answered: boolean }>;
  /**
   * The summary of this turn's questions for Claude when it resumes an interrupted turn; undefined
   * when nothing was asked before.
   */
  recall: string | undefined;
  /**
   * Tells the person that this message does not answer the open question, which keeps it from
   * Claude. Asks for approval again, with two buttons. Throws FencedError.
   */
  remark(message: Message): Promise<void>;
  /**
   * Takes a message with a file for the answer to the open question, if it is one: `said` are the
   * words in it. It goes to Claude as well, unless its words are all of it (`isAll`). Words that
   * only agree with a plan get the remark. Throws FencedError.
   */
  answerByFile(
    message: Message,
    quoted: string | undefined,
    said: string,
    isAll: boolean,
  ): Promise<boolean>;
  /**
   * The reply to a tap that belongs to a question and does not answer the open one; undefined for
   * any other message. Such a tap is never a prompt, but a tap that confirms a late answer is.
   */
  tapSentence(message: Message): string | undefined;
  /**
   * Records a message's approval for an earlier question, before the message becomes a prompt.
   * Throws FencedError.
   */
  confirm(message: Message): Promise<void>;
  /** Sends the reply and settles the tap in one step. */
  sayOfTap(tap: Message, sentence: string): Promise<void>;
};

const questionFirst = 'I read that as soon as you have answered my question above.';

/** The answer in a file that has no words. */
const inTheFile = 'see what the person sends next';

/** `kept` is the conversation's stored state. */
export function createQuestions(
  { stores, settings }: Pick<TurnDeps, 'stores' | 'settings'>,
  context: TurnContext,
  kept: Pick<Conversation, 'questions' | 'settled'>,
): Questions {
  const { outbox, conversations } = stores;
  const { answerMs, holdMs } = settings.times;
  const { turn, conversation, fence, slot, mailbox } = context;
  const now = Date.now;
  const asked = createAskedQuestions({ conversations, now }, context, kept);
  const answers = createAnswerWait({ slot, mailbox, holdMs, now });
  let last: Promise<unknown> = Promise.resolve();
  const say = async (replies: { id: string; text: string; choices?: Choices }[]): Promise<void> =>
    void (await outbox.put(
      replies.map((reply) => ({ ...reply, conversation, turn, aside: true as const })),
      fence,
    ));
  const minutes = answerMs / 60_000;

  const close = async (
    open: OpenQuestion,
    words: string[],
    by: string | undefined,
  ): Promise<void> => {
    await asked.close(open, words, by);
    answers.close(open.id);
  };

  /** Handles the deadline: says so in the chat, and settles with the default. */
  const goOnWithout = async (open: OpenQuestion, fallback: string): Promise<void> => {
    await say([
      {
        id: `${open.id}.unanswered`,
        text: `No answer in ${minutesInWords(minutes)}, so: ${fallback}.`,
      },
    ]);
    await close(open, [fallback], undefined);
  };

  const remark = async ({ id }: Message): Promise<void> => {
    const open = asked.open();
    if (!open) return;
    const again = writeAgain(open);
    if (again) await asked.askAgain(open);
    await say([{ id: `${id}.remark`, ...(again ?? { text: questionFirst }) }]);
  };

  const askOne = async (id: string, question: Question, signal: AbortSignal): Promise<void> => {
    if (asked.answerTo(id)) return;
    const open = await asked.begin(id, question, now() + answerMs);
    const { before: parts, text, choices } = fitQuestion(writeQuestion(id, question, minutes));
    const before = [...(question.before ?? []), ...parts].map((part, index) => ({
      id: `${id}.before.${index + 1}`,
      text: part,
    }));
    await say([...before, { id: `${id}.text`, text, ...(choices ? { choices } : {}) }]);
    await answers.wait(open, signal);
    if (asked.answerTo(id)) return;
    // An answer in time may be in the inbox without having been looked at, or in a file that is
    // being read.
    await allRead(mailbox, signal);
    signal.throwIfAborted();
    if (asked.answerTo(id)) return;
    await goOnWithout(open, question.fallback);
  };

  return {
    open: asked.open,
    async withoutAnswers(messages) {
      const left = new Set(asked.left);
      const ids = messages.map(({ id }) => id).filter((id) => left.has(id));
      if (ids.length === 0) return messages;
      await outbox.put([], fence, { conversation, ids, state: 'answered' });
      return messages.filter(({ id }) => !left.has(id));
    },
    recall: asked.recall,
    isWaiting: () => answers.isWaiting() || slot.isQueued(),
    answerers: asked.answerers,
    tapSentence: asked.tapSentence,
    confirm: asked.confirm,
    async answer(words, by) {
      const open = asked.open();
      if (open) await close(open, words, by.id);
    },
    async expire() {
      const open = asked.open();
      if (open && open.deadline <= now())
        await goOnWithout(open, open.fallback ?? open.no ?? open.labels[0] ?? 'no answer');
    },
    async wasSaid() {
      const open = asked.open();
      return open !== undefined && (await outbox.has(`${open.id}.text`));
    },
    async ask(question, signal) {
      const before = last;
      const run = (async () => {
        await before.catch(() => undefined);
        signal.throwIfAborted();
        const id = asked.nextId(question);
        await askOne(id, question, signal);
        await slot.takeAgain(signal, (position) =>
          say([{ id: `${id}.place`, text: formatQueuePosition(position) }]),
        );
        await asked.useUp(id, question);
        return id;
      })();
      last = run;
      const answer = asked.answerTo(await run);
      return { words: answer?.words ?? [question.fallback], answered: answer?.by !== undefined };
    },
    async sayOfTap(tap, text) {
      const choices = asked.tapChoices(tap);
      const reply = {
        id: `${tap.id}.settled`,
        conversation,
        turn,
        text,
        ...(choices ? { choices } : {}),
      };
      await outbox.put([reply], fence, { conversation, ids: [tap.id], state: 'answered' });
    },
    remark,
    async answerByFile(message, quoted, said, isAll) {
      const open = asked.open();
      if (!open || !answersByFile(open, message, quoted)) return false;
      const spoken = isAll ? readSaidAnswer(open, said) : [];
      const words = spoken.length > 0 ? spoken : readSaidAnswer(open, said, inTheFile);
      if (words.length === 0) {
        await remark(message);
        return false;
      }
      await close(open, words, spoken.length > 0 ? message.id : afterwards);
      return true;
    },
  };
}

/** Looks at the inbox once more. Returns when what it has is read, or when the signal aborts. */
async function allRead(mailbox: Mailbox, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  signal.addEventListener('abort', () => resolve(), { once: true });
  await mailbox.deliver({ kind: 'look', onRead: resolve });
  if (!signal.aborted) await promise;
}
