import { callTool, text } from '../answer.ts';
import type { Story } from './story.ts';

const commandPattern =
  /^(?:\$ +|(?:please +)?run(?: +(?:the|a|this) +command)?(?: *: *| +))(\S[\s\S]*)$/im;

/**
 * `run: CMD`, `run CMD` or `$ CMD`: runs the command in Claude Code's shell and shows what it
 * printed.
 */
export const command: Story = {
  matches: (asked) => commandPattern.test(asked),
  next({ results }, asked) {
    const line = (commandPattern.exec(asked)?.[1] ?? '').trim().replace(/^`(.*)`$/s, '$1');
    const result = results.find(({ name }) => name === 'Bash');
    if (!result)
      return callTool('Bash', { command: line, description: 'Run the command that was asked for' });
    const output = result.text.trim();
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
