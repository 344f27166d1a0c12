import path from 'node:path';

/** Claude's working directory for a conversation. */
export function workspaceOf(dataDir: string, conversation: string): string {
  return path.join(dataDir, 'workspaces', conversation.replace('+', ''));
}
