import type { HookCallback, HookCallbackMatcher } from '@anthropic-ai/claude-agent-sdk';
import type { LiveSession } from './session.ts';

/**
 * Lets no tool begin before the turn allows it: the files as they are must have been kept by then.
 */
export function holdTools(live: () => LiveSession | undefined): HookCallbackMatcher {
  return {
    hooks: [
      async (input) => {
        if ('tool_name' in input) await live()?.beforeTool?.(input.tool_name);
        return {};
      },
    ],
  };
}

/** The person may take a day to answer (seconds). */
const longestWait = 24 * 3600;

/**
 * Checks the turn's budget before each tool call, so that the person is asked before the model
 * proxy refuses a request; without budget the turn is ending and the tool does not run.
 */
export function watchCost(live: () => LiveSession | undefined): HookCallbackMatcher {
  const look: HookCallback = async (_input, _toolUseId, { signal }) => {
    const tools = live()?.tools;
    if (!tools || (await tools.mayGoOn(signal))) return {};
    return {
      hookSpecificOutput: {
        hookEventName: 'PreToolUse',
        permissionDecision: 'deny',
        permissionDecisionReason: 'The budget is used up.',
      },
    };
  };
  return { timeout: longestWait, hooks: [look] };
}
