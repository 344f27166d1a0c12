import { callTool, text } from '../answer.ts';
import { refusedWords } from './refused.ts';
import type { Story } from './story.ts';

const commandPattern =
  /^(?:\$ +|(?:please +)?run(?: +(?:the|a|this) +command)?(?: *: *| +))(\S[\s\S]*)$/im;

/** Claude Code's word for a command that printed nothing. */
const silent = '(Bash completed with no output)';

/**
 * `run: CMD`, `run CMD` or `$ CMD`: runs the command in Claude Code's shell and shows what it
 * printed.
 */
export const command: Story = {
  matches: (asked) => commandPattern.test(asked),
  next(view, asked) {
    const refused = refusedWords(view);
    if (refused !== undefined) return text(refused);
    const line = (commandPattern.exec(asked)?.[1] ?? '').trim().replace(/^`(.*)`$/s, '$1');
    const result = view.results.find(({ name }) => name === 'Bash');
    if (!result)
      return callTool('Bash', { command: line, description: 'Run the command that was asked for' });
    const output = result.text.trim() === silent ? '' : result.text.trim();
    if (result.isError)
      return text(`\`${line}\` failed:\n\n${fence(output || 'It printed nothing.')}`);
    return text(output === '' ? `\`${line}\` ran and printed nothing.` : fence(output));
  },
};

/** A code fence longer than any in the output itself. */
function fence(output: string): string {
  const longest = Math.max(2, ...[...output.matchAll(/`{3,}/g)].map((match) => match[0].length));
  const marks = '`'.repeat(longest + 1);
  return `${marks}\n${output}\n${marks}`;
}
