import { callTool, text } from '../answer.ts';
import type { Story } from './story.ts';

const askedPattern = /^(?:please +)?ask me\b/im;
const colourQuestion = createQuestion('Which colour do you like best?', 'Colour', [
  'Red',
  'Green',
  'Blue',
]);
const sizeQuestion = createQuestion('Which size shall it be?', 'Size', [
  'Small',
  'Medium',
  'Large',
]);
/**
 * The form in which Claude Code passes the answers to the model: `"Question?"="Label"`, one pair
 * after the other.
 */
const pairPattern = /"([^"]+)"="([^"]*)"/g;

/**
 * `ask me …`: one question with three choices through AskUserQuestion; `ask me two things` asks
 * two.
 */
export const question: Story = {
  matches: (asked) => askedPattern.test(asked),
  next({ results }, asked) {
    const result = results.find(({ name }) => name === 'AskUserQuestion');
    if (!result) {
      const questions = /\b(?:two|2)\b/i.test(asked)
        ? [colourQuestion, sizeQuestion]
        : [colourQuestion];
      return callTool('AskUserQuestion', { questions });
    }
    // Without a tool for questions, the story asks in plain text; the next message is the answer.
    if (result.isError)
      return text(
        `${colourQuestion.question} ${colourQuestion.options.map(({ label }, index) => `${index + 1}. ${label}`).join('  ')}`,
      );
    const chosen = [...result.text.matchAll(pairPattern)].map(
      ([, asking, answer]) =>
        `${asking} You chose ${answer}${/[.!?…]$/.test(answer ?? '') ? '' : '.'}`,
    );
    if (chosen.length === 0) return text('I got no answer to my question, so I leave it at that.');
    return text(chosen.join('\n'));
  },
};

function createQuestion(words: string, header: string, labels: string[]) {
  const options = labels.map((label) => ({ label, description: `I take ${label.toLowerCase()}.` }));
  return { question: words, header, multiSelect: false, options };
}
