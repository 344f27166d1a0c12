import type { CanUseTool, PermissionMode as ClaudeMode, PermissionResult, PermissionUpdate } from '@anthropic-ai/claude-agent-sdk';
import { z } from 'zod';
import type { AgentQuestion, ApprovalRequest, ChatTools, PermissionMode } from './agent.ts';

/** Claude Code's name for each mode. */
export const claudeModes: Record<PermissionMode, ClaudeMode> = { ask: 'default', edits: 'acceptEdits', all: 'bypassPermissions' };

const AskInput = z.looseObject({
  questions: z.array(
    z.looseObject({
      question: z.string(),
      multiSelect: z.boolean().optional(),
      options: z.array(z.looseObject({ label: z.string(), description: z.string().optional() })),
    }),
  ),
});

/** Answers Claude Code's questions by the tools of the turn at work: its own AskUserQuestion, and whether a tool may run. */
export function createCanUseTool(tools: () => ChatTools | undefined): CanUseTool {
  return async (name, input, { signal, suggestions }) => {
    const present = tools();
    if (!present) return deny('Nobody can be asked right now.');
    if (name === 'AskUserQuestion') return await ask(present, input, signal);
    const answer = await present.approve(describeRequest(name, input), signal);
    if (answer === 'yes') return { behavior: 'allow', updatedInput: input };
    if (answer === 'always') return { behavior: 'allow', updatedInput: input, updatedPermissions: suggestions ?? allowAlways(name) };
    return deny(answer === 'no' ? 'The person said no. Do not try it in another way; say what you would need, or go on without it.' : 'The person did not answer in time, which means no. Go on without it.');
  };
}

async function ask(tools: ChatTools, input: Record<string, unknown>, signal: AbortSignal): Promise<PermissionResult> {
  const asked = AskInput.safeParse(input);
  if (!asked.success) return deny('These questions are not well formed. Ask in words instead.');
  const questions = asked.data.questions.map(({ question, options, multiSelect = false }): AgentQuestion => ({ question, options, multiple: multiSelect }));
  const answers = await tools.ask(questions, signal);
  return { behavior: 'allow', updatedInput: { ...input, answers: Object.fromEntries(questions.map(({ question }, index) => [question, answers[index] ?? ''])) } };
}

function deny(message: string): PermissionResult {
  return { behavior: 'deny', message };
}

function allowAlways(toolName: string): PermissionUpdate[] {
  return [{ type: 'addRules', rules: [{ toolName }], behavior: 'allow', destination: 'session' }];
}

/** A tool call in plain words. */
export function describeRequest(tool: string, input: Record<string, unknown>): ApprovalRequest {
  const value = (name: string): string => (typeof input[name] === 'string' ? input[name] : '');
  if (tool === 'Bash') return { tool, title: 'May I run this command?', detail: value('command') };
  if (['Edit', 'Write', 'MultiEdit', 'NotebookEdit'].includes(tool)) return { tool, title: 'May I change this file?', detail: value('file_path') || value('notebook_path') };
  if (tool === 'WebFetch' || tool.endsWith('browser_navigate')) return { tool, title: 'May I open this page?', detail: value('url') };
  const name = tool.replace(/^mcp__/, '').replaceAll('__', ': ').replaceAll('_', ' ');
  const detail = JSON.stringify(input);
  return { tool, title: `May I use “${name}”?`, detail: detail === '{}' ? '' : detail };
}
