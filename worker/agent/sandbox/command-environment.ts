import path from 'node:path';
import { githubSettings } from './github-access.ts';
import type { AgentUser } from './user.ts';

const file = path.join(import.meta.dirname, 'command-environment.sh');

/**
 * The variables by which Claude Code runs a script before each command, and the script gets the
 * variables of the session's person from the worker. So these are neither in the environment of
 * Claude Code nor in that of its hooks and servers, and a new one is there from the next command
 * on. `token` is the session's own.
 */
export function commandVariables(
  user: AgentUser | undefined,
  token: string,
): Record<string, string> {
  return { CLAUDE_ENV_FILE: user?.programAt?.(file) ?? file, SIDEPOCKET_SESSION_TOKEN: token };
}

/**
 * Lines of shell that set variables. A token for GitHub of the person's own also serves git, in
 * place of the shared one. Values hold no NUL.
 */
export function writeExports(variables: Record<string, string>): string {
  const github =
    variables['GITHUB_TOKEN'] === undefined ? {} : githubSettings({ from: 'variable' });
  return Object.entries({ ...variables, ...github })
    .map(([name, value]) => `export ${name}=${quote(value)}\n`)
    .join('');
}

/** Between single quotes a shell reads everything as it is. */
function quote(value: string): string {
  return `'${value.replaceAll("'", String.raw`'\''`)}'`;
}
