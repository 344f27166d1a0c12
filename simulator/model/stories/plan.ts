import { callTool, text } from '../answer.ts';
import type { Story } from './story.ts';

const askedPattern = /^(?:please +)?(?:make +a +)?plan\b(?: +to +write +([\w.-]+\.\w+))?/im;

/**
 * `plan to write NAME`: shows a plan, changes it when the person wants that, and writes the file
 * once they said go.
 */
export const plan: Story = {
  matches: (asked) => askedPattern.test(asked),
  next({ results, planFile }, asked) {
    const name = askedPattern.exec(asked)?.[1] ?? 'planned.txt';
    const exits = results.filter((result) => result.name === 'ExitPlanMode');
    const approved = exits.some(({ isError }) => !isError);
    if (!results.some((result) => result.name === 'EnterPlanMode'))
      return callTool('EnterPlanMode', {});
    if (approved) {
      const written = results.find(
        (result) => result.name === 'Write' && result.input['file_path'] === name,
      );
      if (!written) return callTool('Write', { file_path: name, content: 'As planned.\n' });
      return text(written.isError ? `I could not write ${name}.` : `I wrote ${name} as planned.`);
    }
    const drafts = results.filter((result) => result.name === 'Write').length;
    if (exits.length > drafts || exits.length === 3) return text('Then I leave it at the plan.');
    if (planFile === undefined || drafts > exits.length) return callTool('ExitPlanMode', {});
    return callTool('Write', {
      file_path: planFile,
      content: `# Plan, draft ${drafts + 1}\n\n1. Look at the files\n2. Write \`${name}\`\n`,
    });
  },
};
