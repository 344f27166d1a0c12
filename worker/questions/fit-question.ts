import { cut, cutLines } from '../../shared/runtime/cut.ts';
import { roomForText } from '../../shared/store/choices.ts';
import type { Choices } from '../../shared/store/choices.ts';
import { chunk, messageLimit } from '../reply/chunk.ts';

/** A question in messages that WhatsApp takes: `before` go before the one with the choices. */
export type FittedQuestion = { before: string[]; text: string; choices?: Choices };

/** How many messages a question may take; of a longer one the middle is left out. */
const mostMessages = 5;

/**
 * Limits on the beginning and the end of a long question that its choices repeat (UTF-16 units).
 */
const longestReminder = { beginning: 300, end: 300 };

/**
 * Splits a question that one message cannot hold: Twilio refuses a longer one, and the choices
 * would take the place of its end. The last paragraph, which says how to answer, stays with the
 * choices.
 */
export function fitQuestion({ text, choices }: Omit<FittedQuestion, 'before'>): FittedQuestion {
  if (!choices) {
    const parts = leaveOutMiddle(chunk(text));
    return { before: parts.slice(0, -1), text: parts.at(-1) ?? '' };
  }
  if (text.trim().length <= roomForText(choices)) return { before: [], text, choices };
  const paragraphs = text.split('\n\n');
  const end = cutLines(paragraphs.pop() ?? '', longestReminder.end);
  const parts = leaveOutMiddle(chunk(paragraphs.join('\n\n')));
  return { before: parts, text: `${cut(text, longestReminder.beginning)}\n\n${end}`, choices };
}

function leaveOutMiddle(parts: string[]): string[] {
  if (parts.length <= mostMessages) return parts;
  const kept = parts.slice(0, mostMessages - 1);
  const last = kept.pop() ?? '';
  return [...kept, `${cutLines(last, messageLimit - 2)} …`, parts.at(-1) ?? ''];
}
