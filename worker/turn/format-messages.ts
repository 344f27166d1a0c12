import { cut } from '../../shared/runtime/cut.ts';
import { isFromPerson } from '../../shared/store/message.ts';
import type { Message } from '../../shared/store/message.ts';

const queue = /^\/queue\s+(?=\S)/i;
/**
 * What begins a fresh conversation: `/new`, or `/clear` and `/reset`, which Claude Code calls the
 * same.
 */
export const anewName = '/(?:new|clear|reset)';
const anew = new RegExp(`^${anewName}\\s+(?=\\S)`, 'i');

/** A message as Claude reads it: without the word of ours that says when and where it is worked. */
export function withoutPrefix(message: Message): Message {
  const text = message.text.replace(queue, '');
  return { ...message, text: isFromPerson(message) ? text.replace(anew, '') : text };
}

/** Length limit for a quoted text (characters). */
const longest = 60;

/** Refers to a message in a text for the person: its start in quotation marks, or its kind. */
export function quoteMessage(message: Message): string {
  const text = cut(withoutPrefix(message).text, longest);
  if (message.work) return 'work in the background';
  if (!isFromPerson(message)) return 'something scheduled';
  if (text === '') return message.media.length > 0 ? 'a file' : 'a message';
  return `“${text}”`;
}

/** How many of several messages are listed, for the person and for Claude. */
const mostQuoted = 10;
const mostRecalled = 30;

/** Refers to several messages: the first `most` by their starts, the rest by their number. */
export function quoteMessages(messages: Message[], most = mostQuoted): string {
  const more = messages.length > most ? ` and ${messages.length - most} more` : '';
  return `${messages.slice(0, most).map(quoteMessage).join(', ')}${more}`;
}

/**
 * A note for Claude about messages that were given up, when it resumes after an interruption: its
 * conversation has them without an answer, and the person knows that. Undefined if there are none.
 */
export function givenUpNote(givenUp: Message[]): string | undefined {
  if (givenUp.length === 0) return undefined;
  const named = givenUp.slice(-mostRecalled).map(quoteMessage).join(', ');
  const told = 'The person was told that there is no answer to these and can bring them back';
  return `${told}, so leave them unless they ask again: ${named}.`;
}

/**
 * The sentence about messages withdrawn by a stop, with a leading blank; empty if there were none.
 */
export function withdrawnWords(count: number): string {
  if (count === 0) return '';
  return count === 1
    ? ' One message that was still on its way is taken back.'
    : ` ${count} messages that were still on their way are taken back.`;
}
