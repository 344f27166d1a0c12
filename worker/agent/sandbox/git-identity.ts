import path from 'node:path';
import { FileProblem } from './files.ts';
import type { AgentFiles } from './files.ts';

/**
 * The default author of commits. Without it git derives a name from the account, which the agent's
 * user may not have, and an address from the host name.
 */
const settings = '[user]\n\tname = Claude\n\temail = noreply@anthropic.com\n';

/**
 * Gives git a default name and address if the home has no settings. They have the lowest
 * precedence: a repository's settings, and any set later, override them.
 */
export async function giveIdentity(files: AgentFiles, home: string): Promise<void> {
  const file = path.join(home, '.gitconfig');
  try {
    await files.read(file, 64 * 1024);
  } catch (error) {
    if (error instanceof FileProblem && error.kind === 'missing')
      await files.write(file, Buffer.from(settings));
  }
}
