import { z } from 'zod';
import type { Choices } from '../shared/choices.ts';
import type { Message } from '../shared/message.ts';

/**
 * Something that the person is to decide. `fallback` is what holds when they do not; `choice` is a question of Claude's, which may also be answered in the
 * person's own words, by quoting it.
 */
export type Question = {
  kind: 'choice' | 'permission' | 'budget';
  text: string;
  options: { label: string; description?: string | undefined }[];
  multiple: boolean;
  fallback: string;
};

/** A question that waits for its answer. `deadline` is ms since 1970. */
export const OpenQuestion = z.object({
  id: z.string(),
  kind: z.enum(['choice', 'permission', 'budget']),
  text: z.string(),
  labels: z.array(z.string()),
  multiple: z.boolean(),
  deadline: z.number(),
});
export type OpenQuestion = z.infer<typeof OpenQuestion>;

/** Where buttons end and a list begins (twilio.com/docs/content/twilio-quick-reply), and where a list ends. */
const mostButtons = 3;
const mostItems = 10;

/** What is said to the person, with something to tap. Of several that may be chosen, numbers are asked for. */
export function writeQuestion(id: string, { text, options, multiple, fallback }: Question, minutes: number): { text: string; choices?: Choices } {
  const items = options.map(({ label, description }, index) => ({ id: `${id}.${index + 1}`, title: label, ...(description ? { description } : {}) }));
  const without = `_Without an answer in ${minutesInWords(minutes)}: ${fallback}._`;
  if (multiple || items.length === 0 || items.length > mostItems) {
    const lines = options.map(({ label, description }, index) => `${index + 1}. ${label}${description ? `: ${description}` : ''}`);
    return { text: [text, lines.join('\n'), multiple ? 'Answer with one or more numbers, such as “1, 2”.' : 'Answer with a number.', without].filter(Boolean).join('\n\n') };
  }
  if (items.length > mostButtons) return { text: `${text}\n\n${without}`, choices: { kind: 'list', button: 'Choose', items } };
  const explained = options.some(({ description }) => description) ? `\n\n${options.map(({ label, description }) => `*${label}*${description ? `: ${description}` : ''}`).join('\n')}` : '';
  return { text: `${text}${explained}\n\n${without}`, choices: { kind: 'buttons', items } };
}

/**
 * Reads a message as the answer to an open question: a tap, a number, or a label answers; the person's own words only when they quote a question of
 * Claude's. Undefined when it is something else. `quoted` is the id of the reply that the message quotes.
 */
export function readAnswer(open: OpenQuestion, message: Message, quoted: string | undefined): string[] | undefined {
  const { choice } = message;
  if (choice) {
    const label = open.labels.find((_, index) => choice.id === `${open.id}.${index + 1}`);
    if (label !== undefined) return [label];
    // A tap under something else is about that.
    if (choice.id.includes('.ask.')) return undefined;
  }
  const text = (message.text.trim() || choice?.title || '').trim();
  const numbers = readNumbers(text);
  if (numbers && (open.multiple || numbers.length === 1)) {
    const labels = numbers.map((number) => open.labels[number - 1]);
    if (labels.every((label) => label !== undefined)) return [...new Set(labels)];
  }
  const spoken = normalise(text);
  const label = open.labels.find((candidate) => spoken !== '' && normalise(candidate) === spoken);
  if (label !== undefined) return [label];
  return open.kind === 'choice' && text !== '' && quoted?.startsWith(open.id) ? [text] : undefined;
}

/** `2`, `#2`, `1, 3`, `1 and 3`; undefined when the text is anything else. */
function readNumbers(text: string): number[] | undefined {
  if (!/^#?\d{1,2}[.)]?(?:(?:\s+(?:(?:,|&|and)\s*)?|(?:,|&|and)\s*)#?\d{1,2}[.)]?)*$/i.test(text)) return undefined;
  return [...text.matchAll(/\d+/g)].map(([digits]) => Number(digits));
}

function normalise(text: string): string {
  return text.toLowerCase().replaceAll(/[\p{P}\p{S}\s]+/gu, ' ').trim();
}

/** A number of minutes for people, such as `30 minutes` or `2 hours`. */
export function minutesInWords(minutes: number): string {
  if (minutes < 1) return `${Math.max(Math.round(minutes * 60), 1)} seconds`;
  if (minutes >= 120 && minutes % 60 === 0) return `${minutes / 60} hours`;
  return minutes === 1 ? 'a minute' : `${Math.round(minutes)} minutes`;
}
