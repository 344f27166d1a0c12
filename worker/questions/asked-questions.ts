import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Conversation, Conversations } from '../../shared/store/conversation.ts';
import { parseJson } from '../../shared/runtime/json.ts';
import { isFromPerson } from '../../shared/store/message.ts';
import type { Message } from '../../shared/store/message.ts';
import { OpenQuestion } from './question.ts';
import type { Question } from './question.ts';
import {
  addSettled,
  confirmedAnswer,
  isLeftAsItIs,
  isQuestionButton,
  lateAnswer,
  parseSettled,
  settledSentence,
  writeLateQuestion,
} from './settled-questions.ts';
import type { Missed } from './settled-questions.ts';
import type { Choices } from '../../shared/store/choices.ts';
import type { TurnContext } from '../turn/context.ts';

/**
 * An answer: `by` is the message that gave it. `used`: its approval has been used for its one call,
 * so the next such call is asked about again.
 */
const Answer = z.object({
  text: z.string(),
  words: z.array(z.string()),
  by: z.string().optional(),
  used: z.boolean().optional(),
});
type Answer = z.infer<typeof Answer>;

/**
 * Stands for a message that is also a prompt, and so must not be removed as an answer: it approved
 * late, or answered with a file.
 */
export const afterwards = 'afterwards';

/**
 * A turn's questions as the conversation stores them: a worker that takes over the turn continues
 * with them. What another version has written otherwise is left out: an answer of that kind is
 * asked for again.
 */
const Asked = z.object({
  turn: z.string(),
  open: OpenQuestion.optional().catch(undefined),
  answers: z.record(z.string(), z.unknown()).transform(readable),
});
type Asked = z.infer<typeof Asked>;

function readable(answers: Record<string, unknown>): Record<string, Answer> {
  const read = Object.entries(answers).flatMap(([id, one]): [string, Answer][] => {
    const { data } = Answer.safeParse(one);
    return data ? [[id, data]] : [];
  });
  return Object.fromEntries(read);
}

/**
 * The questions of one turn and their answers, stored at each change. Every change throws
 * FencedError.
 */
export type AskedQuestions = {
  /** The question that waits for an answer. */
  open(): OpenQuestion | undefined;
  answerTo(id: string): Answer | undefined;
  /** Messages that answered questions of an ended turn. */
  left: string[];
  /** Messages that have answered a question. */
  answerers(): string[];
  /**
   * The id for a question asked now: the first that this run has not asked and that is not used up.
   */
  nextId(question: Question): string;
  /**
   * Opens a question, or returns the one already open with its own deadline. `deadline` is ms since
   * 1970.
   */
  begin(id: string, question: Question, deadline: number): Promise<OpenQuestion>;
  /** Records that the open question was asked again with other buttons. */
  askAgain(open: OpenQuestion): Promise<void>;
  /** `by` is the answering message; undefined when the default applied. */
  close(open: OpenQuestion, words: string[], by: string | undefined): Promise<void>;
  /**
   * Records that an answer's approval is used, before the call may run, so that no crash lets it
   * serve twice.
   */
  useUp(id: string, question: Question): Promise<void>;
  /** As in Questions. */
  recall: string | undefined;
  tapSentence(message: Message): string | undefined;
  /** The buttons of the reply to a tap. */
  tapChoices(message: Message): Choices | undefined;
  /**
   * Records an approval given after the deadline, once the person has confirmed it: for the exact
   * call, once.
   */
  confirm(message: Message): Promise<void>;
};

export type AskedQuestionsDeps = { conversations: Conversations; now: () => number };

export function createAskedQuestions(
  { conversations, now }: AskedQuestionsDeps,
  { turn, conversation, fence }: Pick<TurnContext, 'turn' | 'conversation' | 'fence'>,
  kept: Pick<Conversation, 'questions' | 'settled'>,
): AskedQuestions {
  const { asked, abandoned, left = [] } = parseAsked(kept.questions, turn);
  let settled = parseSettled(kept.settled);
  const note = (id: string, words: string, missed?: Missed): void =>
    void (settled = addSettled(settled, id, words, now(), missed));
  if (abandoned !== undefined) note(abandoned, 'its work has ended');
  const times = new Map<string, number>();
  const keep = (): Promise<void> =>
    conversations.write(conversation, fence, {
      questions: JSON.stringify(asked),
      settled: JSON.stringify(settled),
    });

  return {
    open: () => asked.open,
    left,
    answerTo: (id) => asked.answers[id],
    answerers: () =>
      Object.values(asked.answers).flatMap(({ by }) =>
        by === undefined || by === afterwards ? [] : by,
      ),
    recall: recallWords(asked),
    nextId(question) {
      const digest = digestOf(question);
      for (let time = (times.get(digest) ?? 0) + 1; ; time += 1) {
        const id = `${turn}.ask.${digest}.${time}`;
        if (asked.answers[id]?.used) continue;
        times.set(digest, time);
        return id;
      }
    },
    async begin(id, question, deadline) {
      if (asked.open?.id === id) return asked.open;
      if (asked.open) note(asked.open.id, 'I do not ask that any more');
      const open = openQuestion(id, question, now(), deadline);
      asked.open = open;
      await keep();
      return open;
    },
    async askAgain(open) {
      if (open.again) return;
      open.again = true;
      await keep();
    },
    async close({ id, kind, text, labels, fallback }, words, by) {
      asked.answers[id] = { text, words, ...(by === undefined ? {} : { by }) };
      delete asked.open;
      const missed = {
        kind,
        text,
        labels,
        digest: id.split('.').at(-2) ?? '',
        fallback: fallback ?? words.join(', '),
      };
      note(
        id,
        by === undefined ? `${words.join(', ')}, since no answer came` : words.join(', '),
        by === undefined ? missed : undefined,
      );
      await keep();
    },
    async useUp(id, { kind, no }) {
      const answer = asked.answers[id];
      if (
        (kind !== 'permission' && kind !== 'plan') ||
        answer?.by === undefined ||
        answer.words[0] === no
      )
        return;
      answer.used = true;
      await keep();
    },
    tapSentence({ choice }) {
      if (choice === undefined || !isQuestionButton(choice.id)) return undefined;
      if (asked.open && choice.id.startsWith(`${asked.open.id}.`))
        return 'That is not one of the answers to my question.';
      if (confirmedAnswer(settled, choice.id)) return undefined;
      if (isLeftAsItIs(choice.id)) return 'All right, it stays as it is.';
      const late = lateAnswer(settled, choice.id);
      return late
        ? writeLateQuestion(late).text
        : settledSentence(settled, choice.id.replace(/^after\./, ''));
    },
    tapChoices({ choice }) {
      const late = choice && lateAnswer(settled, choice.id);
      return late && writeLateQuestion(late).choices;
    },
    async confirm(message) {
      const confirmed =
        message.choice && isFromPerson(message)
          ? confirmedAnswer(settled, message.choice.id)
          : undefined;
      if (!confirmed) return;
      const {
        id,
        missed: { kind, text, digest },
        label,
      } = confirmed;
      if (kind === 'permission' || kind === 'plan')
        asked.answers[`${turn}.ask.${digest}.1`] = { text, words: [label], by: afterwards };
      note(id, `${label}, after all`);
      await keep();
    },
  };
}

function openQuestion(id: string, question: Question, at: number, deadline: number): OpenQuestion {
  const { kind, text, summary = text, options, multiple, yes, no, fallback } = question;
  const labels = options.map(({ label }) => label);
  return {
    id,
    kind,
    text: summary,
    labels,
    multiple,
    at,
    deadline,
    fallback,
    ...(yes ? { yes } : {}),
    ...(no ? { no } : {}),
  };
}

function digestOf({ kind, text, options, subject }: Question): string {
  const about = subject === undefined ? [kind, text, options] : [kind, subject];
  return createHash('sha256').update(JSON.stringify(about)).digest('hex').slice(0, 12);
}

function recallWords({ open, answers }: Asked): string | undefined {
  const answered = Object.values(answers).map(({ text, words, used }) => {
    const once = used
      ? ' That was leave for one call, which may have begun; another one is asked about again.'
      : '';
    return `You had asked the person “${text}”, and the answer was “${words.join(', ')}”.${once}`;
  });
  const again = open?.kind === 'choice' ? 'ask in the same words' : 'make the very same call again';
  const advice = `If you still need it, ${again}: it is not sent twice.`;
  const waiting = open
    ? [`You were waiting for the person's answer to “${open.text}”. ${advice}`]
    : [];
  return [...answered, ...waiting].join('\n') || undefined;
}

/**
 * This turn's questions. `abandoned` is the question of another turn, which ended without an
 * answer; `left` are the messages that answered its others.
 */
function parseAsked(
  text: string | undefined,
  turn: string,
): { asked: Asked; abandoned?: string | undefined; left?: string[] } {
  const none: Asked = { turn, answers: {} };
  if (text === undefined) return { asked: none };
  const { data } = Asked.safeParse(parseJson(text));
  if (!data) return { asked: none };
  if (data.turn === turn) return { asked: data };
  return {
    asked: none,
    abandoned: data.open?.id,
    left: Object.values(data.answers).flatMap(({ by }) => by ?? []),
  };
}
