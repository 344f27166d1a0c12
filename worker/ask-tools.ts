import type { ApprovalRequest, AskTools } from './agent/agent.ts';
import type { Budget } from './budget.ts';
import type { Question } from './question.ts';
import type { Questions } from './questions.ts';

/** The most of a command that a permission question shows (characters): it must fit one message with buttons. */
const mostDetail = 700;

/** The tools by which a turn's agent asks the person. */
export function createAskTools(questions: Questions, budget: Budget): AskTools {
  return {
    async ask(asked, signal) {
      const answers: string[] = [];
      for (const { question, options, multiple } of asked) {
        const fallback = options[0]?.label ?? 'no answer';
        const { words } = await questions.ask({ kind: 'choice', text: question, options, multiple, fallback }, signal);
        answers.push(words.join(', '));
      }
      return answers;
    },
    async approve(request, signal) {
      const { words, answered } = await questions.ask(permissionQuestion(request), signal);
      if (!answered) return 'unanswered';
      return words[0] === 'Yes' ? 'yes' : words[0] === 'Yes, always' ? 'always' : 'no';
    },
    mayGoOn: (signal) => budget.mayGoOn(signal),
  };
}

function permissionQuestion({ title, detail }: ApprovalRequest): Question {
  const shown = detail.length > mostDetail ? `${detail.slice(0, mostDetail - 1)}…` : detail;
  const text = shown === '' ? title : `${title}\n\`\`\`${shown.replaceAll('```', "'''")}\`\`\``;
  return { kind: 'permission', text, options: [{ label: 'Yes' }, { label: 'Yes, always' }, { label: 'No' }], multiple: false, fallback: 'No' };
}
