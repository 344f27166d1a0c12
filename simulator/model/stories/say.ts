import { text } from '../answer.ts';
import type { Story } from './story.ts';

const commandPattern = /^(?:please +)?(?:say|echo)(?::\s*|\s+)/gim;

/**
 * The text that `say X` or `echo X` asks for; several commands in one text give several lines.
 * Undefined when it asks for nothing.
 */
export function wordsToSay(command: string): string | undefined {
  const [, ...words] = command.split(commandPattern);
  return words.length === 0 ? undefined : words.map((part) => part.trim()).join('\n');
}

/** `say X`: answers exactly X, so that every distinct text has a distinct answer. */
export const say: Story = {
  matches: (command) => Boolean(wordsToSay(command)),
  next: (_view, command) => text(wordsToSay(command) ?? command),
};
