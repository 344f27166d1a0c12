import path from 'node:path';

/** The directory in which Claude works for a conversation. */
export function workspaceOf(dataDir: string, conversation: string): string {
  return path.join(dataDir, 'workspaces', conversation.replace('+', ''));
}
