import type { HookCallback, HookCallbackMatcher } from '@anthropic-ai/claude-agent-sdk';
import type { LiveSession } from './live-session.ts';

/** The person may be asked and take their time (seconds): a day. */
const longestWait = 24 * 3600;

/**
 * Looks at what the turn has cost before each tool call, and asks the turn whether it may go on; a turn that may not is being ended, and the tool does
 * not run. What Claude Code does not tell cannot be watched: then the tool runs.
 */
export function watchCost(live: () => LiveSession | undefined): HookCallbackMatcher {
  const look: HookCallback = async (_input, _toolUseId, { signal }) => {
    const { tools, costBefore = 0, cost } = live() ?? {};
    const total = await cost?.();
    if (!tools || total === undefined || (await tools.mayGoOn(Math.max(total - costBefore, 0), signal))) return {};
    return { hookSpecificOutput: { hookEventName: 'PreToolUse', permissionDecision: 'deny', permissionDecisionReason: 'The budget is used up.' } };
  };
  return { timeout: longestWait, hooks: [look] };
}
