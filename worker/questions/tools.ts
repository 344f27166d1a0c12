import type { ApprovalRequest, Approval, AskTools } from '../agent/agent.ts';
import type { PermissionMode } from '../agent/settings.ts';
import type { AlwaysAllowed } from './always-allowed.ts';
import { writeApproval } from './approval-question.ts';
import type { ApprovalPages } from './approval-question.ts';
import type { Budget } from './budget.ts';
import { planLabels, writePlanQuestion } from './plan-question.ts';
import type { Questions } from './questions.ts';
import type { AnswerWriter } from '../reply/answer.ts';

/**
 * The inputs besides the questions: the turn's mode, the “always” approvals, and where long texts
 * are shown.
 */
export type AskDeps = {
  mode: PermissionMode;
  allowed: AlwaysAllowed;
  show: ApprovalPages;
  writeAnswer: AnswerWriter;
};

/** The agent's tools for asking the person. */
export function createAskTools(questions: Questions, budget: Budget, parts: AskDeps): AskTools {
  const { mode, allowed, show, writeAnswer } = parts;
  const askLeave = async (request: ApprovalRequest, signal: AbortSignal): Promise<Approval> => {
    const { always } = request;
    if (always && (await allowed.has(always.key))) return 'yes';
    const question = await writeApproval(request, show);
    if (!question) return 'too-long';
    const {
      words: [label, said],
      answered,
    } = await questions.ask(question, signal);
    if (!answered) return 'unanswered';
    if (label === 'Yes, always' && always) {
      await allowed.add(always.key, always.name);
      return 'always';
    }
    if (label === 'Yes') return 'yes';
    return said === undefined ? 'no' : { no: said };
  };

  return {
    async ask(asked, signal) {
      const answers: string[] = [];
      for (const { question, options, multiple } of asked) {
        const fallback = options[0]?.label ?? 'no answer';
        const { words } = await questions.ask(
          { kind: 'choice', text: question, options, multiple, fallback },
          signal,
        );
        answers.push(words.join(', '));
      }
      return answers;
    },
    async approve(request, signal) {
      // In this mode Claude Code asks only while planning, apart from what a person must decide.
      if (mode === 'all' && !request.isGrave) return request.changesFile ? 'planning' : 'yes';
      return await askLeave(request, signal);
    },
    async decidePlan(plan, signal) {
      const question = await writePlanQuestion(plan, mode, writeAnswer);
      const {
        words: [label, said],
        answered,
      } = await questions.ask(question, signal);
      if (!answered) return 'unanswered';
      if (label === planLabels.go) return { go: { edits: false } };
      // If file changes need no approval, Claude Code's own mode stays unchanged.
      if (label === planLabels.goUnasked) return { go: { edits: mode === 'ask' } };
      return { keep: said };
    },
    mayGoOn: (signal, beforeAsking) => budget.mayGoOn(signal, beforeAsking),
  };
}
