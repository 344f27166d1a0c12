import { callTool, text } from '../answer.ts';
import { endedWorkMark } from '../person-text.ts';
import { refusedWords } from './refused.ts';
import type { Story } from './story.ts';

const backgroundPattern = /^(?:run )?in the background *: *(\S[\s\S]*)$/im;

/** `in the background: CMD`: leaves the command running, and reports when it has ended. */
export const background: Story = {
  matches: (asked) => backgroundPattern.test(asked),
  next(view, asked) {
    const refused = refusedWords(view);
    if (refused !== undefined) return text(refused);
    const command = (backgroundPattern.exec(asked)?.[1] ?? '').trim();
    if (view.results.some(({ name }) => name === 'Bash'))
      return text(`\`${command}\` runs in the background. I tell you when it has ended.`);
    return callTool('Bash', { command, description: command, run_in_background: true });
  },
};

/** What the model says when Claude Code tells it of an end. */
export const backgroundEnd: Story = {
  matches: (asked) => asked.startsWith(endedWorkMark),
  next: (_view, asked) => text(`It has ended: ${asked.slice(endedWorkMark.length).trim()}`),
};
