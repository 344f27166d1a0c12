import { z } from 'zod';
import type { Choices } from '../../shared/store/choices.ts';
import { isCommandLike } from '../commands/command.ts';
import { isFromPerson } from '../../shared/store/message.ts';
import type { Message } from '../../shared/store/message.ts';
import { isAgreement } from './agreement.ts';

/**
 * `choice` is a question of Claude's; the others ask for approval, and accept only their own
 * answers.
 */
export const questionKinds = ['choice', 'permission', 'budget', 'plan'] as const;

/** A question to the person. */
export type Question = {
  kind: (typeof questionKinds)[number];
  text: string;
  options: { label: string; description?: string | undefined }[];
  multiple: boolean;
  /** The answer that applies by default. */
  fallback: string;
  /** Messages sent before the question, each within WhatsApp's limit. */
  before?: string[];
  /**
   * The exact subject, where the text does not state all of it. An answer covers only this subject.
   */
  subject?: string;
  /** A short form of the question, for Claude. */
  summary?: string;
  /** The labels for a quoted “yes” and for a text that starts with a no. */
  yes?: string;
  no?: string;
};

/** A question that waits for its answer. `deadline` is ms since 1970. */
export const OpenQuestion = z.object({
  id: z.string(),
  kind: z.enum(questionKinds),
  text: z.string(),
  labels: z.array(z.string()),
  multiple: z.boolean(),
  deadline: z.number(),
  yes: z.string().optional(),
  no: z.string().optional(),
  /** The default at the deadline; missing in values stored by an earlier version. */
  fallback: z.string().optional(),
  /** When it was asked (ms since 1970); missing in values stored by an earlier version. */
  at: z.number().optional(),
  /** It was asked again with two buttons, in another order than the first ones: numbers end. */
  again: z.boolean().optional(),
});
export type OpenQuestion = z.infer<typeof OpenQuestion>;

/** The limits for buttons (twilio.com/docs/content/twilio-quick-reply) and for a list. */
const mostButtons = 3;
const mostItems = 10;

/** Formats the question with its choices. Multiple choices are answered by numbers. */
export function writeQuestion(
  id: string,
  { kind, text, options, multiple, fallback }: Question,
  minutes: number,
): { text: string; choices?: Choices } {
  const items = options.map(({ label, description }, index) => ({
    id: `${id}.${index + 1}`,
    title: label,
    ...(description ? { description } : {}),
  }));
  const orWords = kind === 'choice' ? 'Or answer in your own words. ' : '';
  const without = `_${orWords}Without an answer in ${minutesInWords(minutes)}: ${fallback}._`;
  if (multiple || items.length === 0 || items.length > mostItems) {
    const lines = options.map(
      ({ label, description }, index) =>
        `${index + 1}. ${label}${description ? `: ${description}` : ''}`,
    );
    return {
      text: [
        text,
        lines.join('\n'),
        multiple ? 'Answer with one or more numbers, such as “1, 2”.' : 'Answer with a number.',
        without,
      ]
        .filter(Boolean)
        .join('\n\n'),
    };
  }
  if (items.length > mostButtons)
    return { text: `${text}\n\n${without}`, choices: { kind: 'list', button: 'Choose', items } };
  const explained = options.some(({ description }) => description)
    ? `\n\n${options.map(({ label, description }) => `*${label}*${description ? `: ${description}` : ''}`).join('\n')}`
    : '';
  return { text: `${text}${explained}\n\n${without}`, choices: { kind: 'buttons', items } };
}

/**
 * Reads a person's message as the answer to an open question. A tap, a number or a label answers,
 * and to a question of Claude's also the person's own words. Approval takes a tap, the exact
 * number, the exact label, or a quoted “yes”; a text that starts with a no refuses, and the answer
 * is the label and that text. To a plan every other text refuses in this way, except mere
 * agreement. A text from before the question answers only by quoting it. Undefined when the message
 * is something else. `quoted` is the id of the reply that the message quotes.
 */
export function readAnswer(
  open: OpenQuestion,
  message: Message,
  quoted: string | undefined,
): string[] | undefined {
  const { choice, text, media, location } = message;
  if (!isFromPerson(message)) return undefined;
  if (choice) {
    // A tap on another message belongs to that message.
    const label = open.labels.find((_, index) => choice.id === `${open.id}.${index + 1}`);
    return label === undefined ? undefined : [label];
  }
  // A message with a file stays a prompt, so that the file is not lost.
  if (media.length > 0 || location) return undefined;
  const quotesThis = quotes(open, quoted);
  // Whatever it says, it was written without knowing the question.
  if (!quotesThis && Date.parse(message.at) < (open.at ?? 0)) return undefined;
  const isOwn = quotesThis || (isAfter(open, message) && !isCommandLike(text));
  if (open.kind === 'choice') return readChoice(open, text.trim(), isOwn);
  // A quote of another message belongs to that message.
  return quotesThis || message.quoted === undefined
    ? readDecision(open, text, quotesThis, isOwn)
    : undefined;
}

/**
 * Whether a message with a file or a place is meant as the answer to a question of Claude's, or to
 * a plan. It stays a prompt as well, and `readSaidAnswer` reads its words.
 */
export function answersByFile(
  open: OpenQuestion,
  message: Message,
  quoted: string | undefined,
): boolean {
  const { media, location } = message;
  if ((open.kind !== 'choice' && open.kind !== 'plan') || !isFromPerson(message)) return false;
  return (
    (media.length > 0 || location !== undefined) && (quotes(open, quoted) || isAfter(open, message))
  );
}

/**
 * The answer in words that were spoken, or written under a file; `more` says that the file is part
 * of it. Empty when they answer nothing: a plan is never approved like that.
 */
export function readSaidAnswer(open: OpenQuestion, said: string, more?: string): string[] {
  const words = said.trim();
  const rest = more === undefined ? [] : [more];
  if (open.kind !== 'plan') return [...(readChoice(open, words, true) ?? []), ...rest];
  if (open.no === undefined || (words !== '' && isAgreement(words))) return [];
  const wish = [...(words === '' ? [] : [words]), ...rest].join('; ');
  return wish === '' ? [] : [open.no, wish];
}

function quotes(open: OpenQuestion, quoted: string | undefined): boolean {
  return quoted?.startsWith(`${open.id}.`) ?? false;
}

/**
 * Whether a message may answer without naming the question: it quotes nothing else, and came after
 * the question was asked.
 */
function isAfter({ at = Infinity }: OpenQuestion, message: Message): boolean {
  return message.quoted === undefined && Date.parse(message.at) >= at;
}

/** `isOwn`: the person's own words count as well. */
function readChoice(open: OpenQuestion, text: string, isOwn: boolean): string[] | undefined {
  const label = findLabel(open.labels, text);
  // A label that is a number means itself where the screen shows labels without numbers.
  const isNumbered = open.multiple || open.labels.length > mostItems;
  if (label !== undefined && !isNumbered) return [label];
  const numbers = readNumbers(text);
  if (numbers && (open.multiple || numbers.length === 1)) {
    const labels = numbers.map((number) => open.labels[number - 1]);
    if (labels.every((found) => found !== undefined)) return [...new Set(labels)];
  }
  if (label !== undefined) return [label];
  return text !== '' && isOwn ? [text] : undefined;
}

/** The label that equals a text, or the only label that does so without signs: “C++” is not “C”. */
function findLabel(labels: string[], text: string): string | undefined {
  const exact = labels.find((label) => fold(label) === fold(text));
  if (exact !== undefined) return exact;
  const spoken = normalise(text);
  const near = labels.filter((label) => spoken !== '' && normalise(label) === spoken);
  return near.length === 1 ? near[0] : undefined;
}

function readDecision(
  open: OpenQuestion,
  text: string,
  quotesThis: boolean,
  isOwn: boolean,
): string[] | undefined {
  const { kind, labels, yes, no, again } = open;
  const said = fold(text);
  const numbered = !again && /^[1-9]\d?$/.test(said) ? labels[Number(said) - 1] : undefined;
  const label = numbered ?? labels.find((candidate) => fold(candidate) === said);
  if (label !== undefined) return [label];
  if (quotesThis && said === 'yes' && yes !== undefined) return [yes];
  if (no === undefined || said === '') return undefined;
  // Words to a plan say what should be different.
  const isWish = kind === 'plan' && isOwn && !isAgreement(text);
  return beginsWithNo(text) || isWish ? [no, text.trim()] : undefined;
}

/**
 * Asks for approval again, after a text that neither gives nor refuses it: with a button for yes
 * and one for no. A tap on them answers the open question. Undefined for a question of Claude's.
 */
export function writeAgain(open: OpenQuestion): { text: string; choices: Choices } | undefined {
  const { id, kind, text, labels, yes, no } = open;
  if (kind === 'choice' || yes === undefined || no === undefined) return undefined;
  const isRun = /\brun\b/i.test(text.split('?')[0] ?? '');
  const title = kind === 'permission' ? (isRun ? 'Yes, run it' : 'Yes, do it') : yes;
  const ask = {
    permission: `${isRun ? 'Shall I run it' : 'Shall I do it'}?`,
    budget: 'Shall I go on?',
    plan: 'Shall I begin?',
  };
  return {
    text: `${ask[kind]} Please tap, or write “${yes}” or “${no}”: anything else is not a yes. I read your message right after that.`,
    choices: {
      kind: 'buttons',
      told: true,
      items: [
        { id: `${id}.${labels.indexOf(yes) + 1}`, title },
        { id: `${id}.${labels.indexOf(no) + 1}`, title: no },
      ],
    },
  };
}

/** Ignores case and the number of blanks. */
function fold(text: string): string {
  return text.trim().replaceAll(/\s+/g, ' ').toLowerCase();
}

/**
 * Words that start a refusal, in the most written languages; in some of them no blank follows a
 * word.
 */
const noWords = [
  "no|nope|nah|never|not|don['’]?t|do not",
  'nein|nicht|nee|nej|nei',
  'non|não|nao|nunca|jamais',
  'нет|не|ні|ne|nie',
  'hayır|hayir|yok',
  'لا|نه|नहीं|मत',
  'tidak|jangan|không|όχι|לא',
].join('|');
const noBeginnings = 'いいえ|いや|だめ|ダメ|やめて|不|别|別|아니|ไม่';

function beginsWithNo(text: string): boolean {
  return new RegExp(
    `^[\\s\\p{P}]*(?:(?:${noWords})(?![\\p{L}\\p{M}\\p{N}])|${noBeginnings}|👎)`,
    'iu',
  ).test(text);
}

/** Parses `2`, `#2`, `1, 3`, `1 and 3`; undefined for any other text. */
function readNumbers(text: string): number[] | undefined {
  if (!/^#?\d{1,2}[.)]?(?:(?:\s+(?:(?:,|&|and)\s*)?|(?:,|&|and)\s*)#?\d{1,2}[.)]?)*$/i.test(text))
    return undefined;
  return [...text.matchAll(/\d+/g)].map(([digits]) => Number(digits));
}

function normalise(text: string): string {
  return text
    .toLowerCase()
    .replaceAll(/[\p{P}\p{S}\s]+/gu, ' ')
    .trim();
}

/** Formats minutes for people, such as `30 minutes` or `2 hours`. */
export function minutesInWords(minutes: number): string {
  if (minutes < 1) return `${Math.max(Math.round(minutes * 60), 1)} seconds`;
  if (minutes >= 120 && minutes % 60 === 0) return `${minutes / 60} hours`;
  return minutes === 1 ? 'a minute' : `${Math.round(minutes)} minutes`;
}
