import type { SessionStore, SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';
import { runAsAgent } from './agent-shell.ts';
import type { AgentUser } from './agent-user.ts';

/**
 * The transcripts in Claude Code's directory, for the SDK's readers, read with the agent's rights: Claude Code shows them to its own user only. A session is found by
 * its id, whatever project directory it is in. Nothing is written by this way.
 */
export function createSessionStore(user: AgentUser, claudeDir: string): SessionStore {
  return {
    async load({ sessionId, subpath }) {
      if (subpath !== undefined) return null;
      const { code, output, said } = await runAsAgent(user, 'for file in "$1"/projects/*/"$2".jsonl; do [ -f "$file" ] && exec cat -- "$file"; done', [claudeDir, sessionId]);
      if (code !== 0 && said !== '') throw new Error(`a transcript was not read: ${said}`);
      const entries = output.toString('utf8').split('\n').flatMap(parseLine);
      return entries.length > 0 ? entries : null;
    },
    async append() {
      throw new Error('transcripts are written by Claude Code alone');
    },
  };
}

/** A line that a kill has cut short was not said. */
function parseLine(line: string): SessionStoreEntry[] {
  try {
    const entry: unknown = JSON.parse(line);
    return typeof entry === 'object' && entry !== null && 'type' in entry && typeof entry.type === 'string' ? [entry as SessionStoreEntry] : [];
  } catch {
    return [];
  }
}
