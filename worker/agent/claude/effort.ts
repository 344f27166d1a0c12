import type { EffortLevel, Query } from '@anthropic-ai/claude-agent-sdk';

/**
 * Changes the effort of an open process for its next prompt; undefined goes back to the model's
 * own. An unchanged one costs nothing. Rejects when Claude Code refuses it.
 */
export async function applyEffort(
  claude: Pick<Query, 'applyFlagSettings'>,
  next: EffortLevel | undefined,
  present: EffortLevel | undefined,
): Promise<void> {
  if (next !== present) await claude.applyFlagSettings({ effortLevel: next ?? null });
}
