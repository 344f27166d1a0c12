import type { SessionStore, SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';
import type { SessionFile } from './transcript-file.ts';

/** Gives the SDK's readers read-only access to the transcripts. */
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

/** Parses a line; one truncated by a kill or by the read limit is dropped. */
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
