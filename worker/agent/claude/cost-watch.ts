import type { HookCallback, HookCallbackMatcher } from '@anthropic-ai/claude-agent-sdk';
import type { LiveSession } from './session.ts';

/** The person may be asked and take their time (seconds): a day. */
const longestWait = 24 * 3600;

/**
 * Asks the turn before each tool call whether its budget lets it go on, so that the person is asked
 * before the model proxy refuses anything; a turn that may not is being ended, and the tool does
 * not run.
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
