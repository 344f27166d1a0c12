import type { SessionStore, SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';
import type { SessionFile } from './transcript-file.ts';

/** The transcripts for the SDK's readers. Nothing is written by this way. */
export function createSessionStore(file: SessionFile): SessionStore {
  return {
    async load({ sessionId, subpath }) {
      if (subpath !== undefined) return null;
      const entries = (await file.read(sessionId)).split('\n').flatMap(parseLine);
      return entries.length > 0 ? entries : null;
    },
    async append() {
      throw new Error('transcripts are written by Claude Code alone');
    },
  };
}

/** A line that a kill, or the bound on what is read, has cut short was not said. */
function parseLine(line: string): SessionStoreEntry[] {
  try {
    const entry: unknown = JSON.parse(line);
    return typeof entry === 'object' &&
      entry !== null &&
      'type' in entry &&
      typeof entry.type === 'string'
      ? [entry as SessionStoreEntry]
      : [];
  } catch {
    return [];
  }
}
