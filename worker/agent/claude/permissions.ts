import type {
  CanUseTool,
  PermissionMode as ClaudeMode,
  PermissionResult,
  PermissionUpdate,
} from '@anthropic-ai/claude-agent-sdk';
import { z } from 'zod';
import type { AgentQuestion, ChatTools } from '../agent.ts';
import type { PermissionMode } from '../settings.ts';
import { describeRequest } from './approval-request.ts';

/** Claude Code's name for each mode. */
export const claudeModes: Record<PermissionMode, ClaudeMode> = {
  ask: 'default',
  edits: 'acceptEdits',
  all: 'bypassPermissions',
};

const AskInput = z.looseObject({
  questions: z.array(
    z.looseObject({
      question: z.string(),
      multiSelect: z.boolean().optional(),
      options: z.array(z.looseObject({ label: z.string(), description: z.string().optional() })),
    }),
  ),
});

const noWords = {
  no: 'The person said no. Do not try it in another way; say what you would need, or go on without it.',
  unanswered: 'The person did not answer in time, which means no. Go on without it.',
  'too-long':
    'This is too long to be shown to the person, so they were not asked. Make it shorter, or do it in several steps.',
  planning: 'You are planning, so no file is changed yet. Finish the plan and call ExitPlanMode.',
} as const;

/**
 * Answers Claude Code's permission requests through the tools of the current turn: AskUserQuestion,
 * ExitPlanMode, and whether a tool may run. Claude Code adds no rule after a yes, because its rules
 * would allow more than was shown.
 */
export function createCanUseTool(tools: () => ChatTools | undefined): CanUseTool {
  return async (name, given, options) => {
    const present = tools();
    if (!present) return deny('No one can be asked right now.');
    // A copy, so that what is shown, approved and run is the same.
    const input = structuredClone(given);
    if (name === 'AskUserQuestion') return await ask(present, input, options.signal);
    if (name === 'ExitPlanMode') return await decidePlan(present, input, options.signal);
    const approval = await present.approve(describeRequest(name, input, options), options.signal);
    if (approval === 'yes' || approval === 'always')
      return { behavior: 'allow', updatedInput: input };
    if (typeof approval === 'string') return deny(noWords[approval]);
    return deny(
      `The person said no: “${approval.no}”. Do what they say; do not try the same in another way.`,
    );
  };
}

/**
 * Reads the plan from the input: Claude Code passes it from the plan file, and nothing without a
 * file.
 */
async function decidePlan(
  tools: ChatTools,
  input: Record<string, unknown>,
  signal: AbortSignal,
): Promise<PermissionResult> {
  const plan =
    typeof input['plan'] === 'string' && input['plan'].trim() !== '' ? input['plan'] : undefined;
  const decision = await tools.decidePlan(plan, signal);
  if (decision === 'unanswered') {
    return deny(
      'The person did not answer in time, so nothing is done yet. Say that your plan waits for them.',
    );
  }
  if ('keep' in decision) {
    const words =
      decision.keep === undefined
        ? 'Ask them what should be different.'
        : `They said: “${decision.keep}”.`;
    return deny(
      `The person wants you to keep planning. ${words} Change the plan and call ExitPlanMode again.`,
    );
  }
  const edits: PermissionUpdate[] = [
    { type: 'setMode', mode: 'acceptEdits', destination: 'session' },
  ];
  // A legacy way to allow commands along with a plan; the person has not seen them.
  const { allowedPrompts: _, ...shown } = input;
  return {
    behavior: 'allow',
    updatedInput: shown,
    ...(decision.go.edits ? { updatedPermissions: edits } : {}),
  };
}

async function ask(
  tools: ChatTools,
  input: Record<string, unknown>,
  signal: AbortSignal,
): Promise<PermissionResult> {
  const asked = AskInput.safeParse(input);
  if (!asked.success) return deny('These questions are not well formed. Ask in words instead.');
  const questions = asked.data.questions.map(
    ({ question, options, multiSelect = false }): AgentQuestion => ({
      question,
      options,
      multiple: multiSelect,
    }),
  );
  const answers = await tools.ask(questions, signal);
  return {
    behavior: 'allow',
    updatedInput: {
      ...input,
      answers: Object.fromEntries(
        questions.map(({ question }, index) => [question, answers[index] ?? '']),
      ),
    },
  };
}

function deny(message: string): PermissionResult {
  return { behavior: 'deny', message };
}
