import { callTool, text } from '../answer.ts';
import type { Story } from './story.ts';

const ASKED = /^(?:please +)?ask me\b/im;
const COLOUR = createQuestion('Which colour do you like best?', 'Colour', ['Red', 'Green', 'Blue']);
const SIZE = createQuestion('Which size shall it be?', 'Size', ['Small', 'Medium', 'Large']);
/**
 * How Claude Code gives the answers to the model: `"Question?"="Label"`, one pair after the other.
 */
const PAIR = /"([^"]+)"="([^"]*)"/g;

/**
 * `ask me …`: one question with three choices through AskUserQuestion; `ask me two things` asks
 * two.
 */
export const question: Story = {
  matches: (asked) => ASKED.test(asked),
  next({ results }, asked) {
    const result = results.find(({ name }) => name === 'AskUserQuestion');
    if (!result) {
      const questions = /\b(?:two|2)\b/i.test(asked) ? [COLOUR, SIZE] : [COLOUR];
      return callTool('AskUserQuestion', { questions });
    }
    // Where nobody can be asked by a tool, the question is put in words; the next message is its
    // answer.
    if (result.isError)
      return text(
        `${COLOUR.question} ${COLOUR.options.map(({ label }, index) => `${index + 1}. ${label}`).join('  ')}`,
      );
    const chosen = [...result.text.matchAll(PAIR)].map(
      ([, asking, answer]) => `${asking} You chose ${answer}.`,
    );
    if (chosen.length === 0) return text('I got no answer to my question, so I leave it at that.');
    return text(chosen.join('\n'));
  },
};

function createQuestion(words: string, header: string, labels: string[]) {
  const options = labels.map((label) => ({ label, description: `I take ${label.toLowerCase()}.` }));
  return { question: words, header, multiSelect: false, options };
}
