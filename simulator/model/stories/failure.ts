import { callTool, text } from '../answer.ts';
import type { Story } from './story.ts';

/** `fail`: a tool that fails, and an answer that says so. */
export const failure: Story = {
  matches: (asked) => /^(?:please +)?fail\b/im.test(asked),
  next({ results }) {
    const result = results.find(({ name }) => name === 'Bash');
    if (!result)
      return callTool('Bash', {
        command: 'echo "something is wrong" >&2; exit 3',
        description: 'Fail on purpose',
      });
    if (!result.isError) return text(`The command did not fail: ${result.text}`);
    return text('The command failed with exit code 3, as you asked. Nothing else was harmed.');
  },
};
