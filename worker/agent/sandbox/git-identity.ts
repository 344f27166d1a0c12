import path from 'node:path';
import { FileProblem } from './files.ts';
import type { AgentFiles } from './files.ts';

/**
 * Whom commits are by until somebody says otherwise. git guesses a name from the account, which the
 * agent's user may not have, and an address from the machine's name.
 */
const settings = '[user]\n\tname = Claude\n\temail = noreply@anthropic.com\n';

/**
 * Gives git a name and an address where the home has no settings of its own. They are the weakest
 * there are: a repository's, and any that are set later, go before.
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
