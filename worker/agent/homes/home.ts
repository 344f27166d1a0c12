import path from 'node:path';
import type { AgentUser } from '../sandbox/user.ts';

/**
 * A person's own place on this computer: a Linux user, where the worker may switch users, and a
 * directory for everything that the agent keeps for them. A turn resolves it once and hands it on.
 */
export type Home = {
  /** The id of the person. */
  person: string;
  /** The user of the person's processes; undefined means the worker's own. */
  user: AgentUser | undefined;
  /**
   * The directory of the person: below it are the home directory, the workspaces and Claude Code's
   * directory (absolute).
   */
  directory: string;
  /**
   * The directory for temporary files (absolute): a short path, since sockets are created below it,
   * whose paths may have 107 characters.
   */
  temporary: string;
  /** The directory for the browser's pictures (absolute). */
  images: string;
};

/** The directory of the people below DATA_DIR: the worker's own, and each entry a person's. */
export const peopleName = 'people';

/** The directory of people's temporary directories below DATA_DIR, which is the worker's own. */
export const temporaryName = 'temp';

/** Claude's working directory for a conversation of the home's person. */
export function workspaceOf({ directory }: Pick<Home, 'directory'>, conversation: string): string {
  return path.join(directory, 'workspaces', workspaceName(conversation));
}

/** The name of a conversation's directories. */
export function workspaceName(conversation: string): string {
  return conversation.replace('+', '');
}
