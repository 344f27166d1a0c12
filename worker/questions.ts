import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Conversations } from '../shared/conversation.ts';
import { parseJson } from '../shared/json.ts';
import type { Message } from '../shared/message.ts';
import type { Outbox } from '../shared/outbox.ts';
import { OpenQuestion, minutesInWords, writeQuestion } from './question.ts';
import type { Question } from './question.ts';
import type { TurnContext } from './turn-context.ts';

/** What a turn has asked, as the conversation remembers it: a worker that takes the turn over goes on with it. `by` is the message that answered. */
const Asked = z.object({ turn: z.string(), open: OpenQuestion.optional(), answers: z.record(z.string(), z.object({ text: z.string(), words: z.array(z.string()), by: z.string().optional() })) });
type Asked = z.infer<typeof Asked>;

export type QuestionParts = { conversations: Conversations; outbox: Outbox; answerMs: number; now: () => number };

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
   * Asks, and waits for the answer or for the time after which the fallback holds. A question that this turn has asked before it was interrupted is not
   * sent again. Rejects with the signal's reason.
   */
  ask(question: Question, signal: AbortSignal): Promise<{ words: string[]; answered: boolean }>;
  /** What Claude is told of this turn's questions when it takes up a turn that was interrupted; undefined when nothing was asked before. */
  recall: string | undefined;
  /** Says once that words do not answer the open question. */
  remark(): Promise<void>;
};

/** `kept` is what the conversation remembers of what was asked; `onOpen` is called when a question begins to wait: its answer may be there already. */
export function createQuestions({ conversations, outbox, answerMs, now }: QuestionParts, context: TurnContext, kept: string | undefined, onOpen: () => void): Questions {
  const { turn, conversation, fence } = context;
  const asked = parseAsked(kept, turn);
  const recall = recallWords(asked);
  const times = new Map<string, number>();
  let waiting: { id: string; resolve: () => void } | undefined;
  let last: Promise<unknown> = Promise.resolve();
  const keep = (): Promise<void> => conversations.write(conversation, fence, { questions: JSON.stringify(asked) });
  const say = async (id: string, text: string, rest: object = {}): Promise<void> => void (await outbox.put([{ id, conversation, turn, text, ...rest }], fence));
  const minutes = answerMs / 60_000;

  const settle = async ({ id, text }: OpenQuestion, words: string[], by: string | undefined): Promise<void> => {
    asked.answers[id] = { text, words, ...(by === undefined ? {} : { by }) };
    delete asked.open;
    await keep();
    if (waiting?.id === id) waiting.resolve();
  };

  const askOne = async (id: string, question: Question, signal: AbortSignal): Promise<void> => {
    if (asked.answers[id]) return;
    const known = asked.open?.id === id ? asked.open : undefined;
    const open = known ?? { id, kind: question.kind, text: question.text, labels: question.options.map(({ label }) => label), multiple: question.multiple, deadline: now() + answerMs };
    asked.open = open;
    if (!known) await keep();
    const { text, choices } = writeQuestion(id, question, minutes);
    await say(`${id}.text`, text, choices ? { choices } : {});
    const { promise, resolve } = Promise.withResolvers<void>();
    waiting = { id, resolve };
    const timer = setTimeout(resolve, Math.max(open.deadline - now(), 0));
    const onAbort = (): void => resolve();
    signal.addEventListener('abort', onAbort, { once: true });
    onOpen();
    await promise;
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
    waiting = undefined;
    signal.throwIfAborted();
    if (asked.answers[id]) return;
    await say(`${id}.unanswered`, `No answer in ${minutesInWords(minutes)}, so: ${question.fallback}.`);
    await settle(open, [question.fallback], undefined);
  };

  return {
    open: () => asked.open,
    recall,
    isWaiting: () => waiting !== undefined,
    answerers: () => Object.values(asked.answers).flatMap(({ by }) => by ?? []),
    async answer(words, by) {
      if (asked.open) await settle(asked.open, words, by.id);
    },
    async ask(question, signal) {
      const digest = createHash('sha256').update(JSON.stringify([question.kind, question.text, question.options])).digest('hex').slice(0, 12);
      const time = (times.get(digest) ?? 0) + 1;
      times.set(digest, time);
      const id = `${turn}.ask.${digest}.${time}`;
      const before = last;
      const run = (async () => {
        await before.catch(() => undefined);
        signal.throwIfAborted();
        await askOne(id, question, signal);
      })();
      last = run;
      await run;
      const answer = asked.answers[id];
      return { words: answer?.words ?? [question.fallback], answered: answer?.by !== undefined };
    },
    async remark() {
      const { open } = asked;
      if (!open) return;
      const how = open.kind === 'choice' ? 'To answer my question above, tap a choice, send its number, or swipe it to the right and write.' : 'My question above still waits: tap an answer or send its number.';
      await say(`${open.id}.remark`, `I pass that on. ${how}`);
    },
  };
}

function recallWords({ open, answers }: Asked): string | undefined {
  const answered = Object.values(answers).map(({ text, words }) => `You had asked the person “${text}”, and the answer was “${words.join(', ')}”.`);
  const waits = open ? [`You were waiting for the person's answer to “${open.text}”. If you still need it, ask in the same words: it is not sent twice.`] : [];
  return [...answered, ...waits].join('\n') || undefined;
}

function parseAsked(text: string | undefined, turn: string): Asked {
  const none: Asked = { turn, answers: {} };
  if (text === undefined) return none;
  const parsed = Asked.safeParse(parseJson(text));
  return parsed.success && parsed.data.turn === turn ? parsed.data : none;
}
