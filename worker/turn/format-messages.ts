import { cut } from '../../shared/runtime/cut.ts';
import { isFromPerson } from '../../shared/store/message.ts';
import type { Message } from '../../shared/store/message.ts';

/** Most of a text that is quoted (characters). */
const longest = 60;

/**
 * What a message is called when the person is told of it: its beginning in quotation marks, or what
 * it is.
 */
export function quoteMessage(message: Message): string {
  const text = cut(message.text.replace(/^\/queue\s+/i, ''), longest);
  if (!isFromPerson(message)) return 'something scheduled';
  if (text === '') return message.media.length > 0 ? 'a file' : 'a message';
  return `“${text}”`;
}

/** How many of several messages are named, to the person and to Claude. */
const mostQuoted = 10;
const mostRecalled = 30;

/** What several messages are called: the first by their beginnings, the rest by their number. */
export function quoteMessages(messages: Message[]): string {
  const more = messages.length > mostQuoted ? ` and ${messages.length - mostQuoted} more` : '';
  return `${messages.slice(0, mostQuoted).map(quoteMessage).join(', ')}${more}`;
}

/**
 * What Claude is told of messages that were given up, when it goes on after an interruption: its
 * conversation has them without an answer, and the person was told so. Undefined where there are
 * none.
 */
export function givenUpNote(givenUp: Message[]): string | undefined {
  if (givenUp.length === 0) return undefined;
  const named = givenUp.slice(-mostRecalled).map(quoteMessage).join(', ');
  const told = 'The person was told that there is no answer to these and can bring them back';
  return `${told}, so leave them unless they ask again: ${named}.`;
}

/**
 * What a stop says of the messages that it took back, with a blank before it; empty where there
 * were none.
 */
export function withdrawnWords(count: number): string {
  if (count === 0) return '';
  return count === 1
    ? ' One message that was still on its way is taken back.'
    : ` ${count} messages that were still on their way are taken back.`;
}
