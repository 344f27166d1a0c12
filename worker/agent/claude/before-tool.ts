import type { HookCallbackMatcher } from '@anthropic-ai/claude-agent-sdk';
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
