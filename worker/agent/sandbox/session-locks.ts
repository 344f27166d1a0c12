import path from 'node:path';
import type { McpServerConfig, Options } from '@anthropic-ai/claude-agent-sdk';
import type { WorkspaceGrants } from '../workspace/grants.ts';

/**
 * Claude Code deletes a session's transcript after this many days without use, and `/resume` then
 * starts anew: a year instead of its own default of 30 days.
 */
const transcriptDays = 365;

/**
 * Protects a session from settings that others have written to the workspace and to Claude Code's
 * own directory.
 */
export type LockDeps = {
  /** The session's whole environment, which no settings may change. */
  env: Record<string, string>;
  /** The directory that replaces the project's settings; see ConfigRoots. */
  root: string;
  grants: WorkspaceGrants;
  /** Undefined for a process that has no workspace yet. */
  workspace: string | undefined;
};

/**
 * Claude Code's options that leave every setting to the worker (tried with 2.1.330;
 * docs/security.md has the table):
 * - `projectConfigRoot`: project settings come from the worker's own directory. `user` is not
 * among the sources, because the agent writes those itself.
 * - `strictMcpConfig`: only our MCP servers and approved ones, also for agents and plugins.
 * - the managed locks: no hooks from skills and agents, and no permissions from `allowed-tools` of
 * a command or skill; they also apply to `allowedTools`, so our own server is allowed there.
 * - `settings.env`: our variables again, after those of `.claude.json`.
 */
export function lockSession({
  env,
  root,
  grants,
  workspace,
}: LockDeps): Pick<
  Options,
  | 'settingSources'
  | 'projectConfigRoot'
  | 'additionalDirectories'
  | 'strictMcpConfig'
  | 'settings'
  | 'managedSettings'
> {
  const rooted = (rules: string[]): string[] =>
    workspace === undefined
      ? []
      : rules.map((rule) => rule.replace(/^(\w+)\(\/(?!\/)/, `$1(/${workspace}/`));
  const variables = { ...variablesOf(grants), ...env };
  const shown = Object.entries(variables).filter(([name]) => !isSecret.test(name));
  return {
    settingSources: ['project', 'local'],
    projectConfigRoot: root,
    // A skill's own files can be read there without approval, as in the workspace.
    additionalDirectories: [path.join(root, '.claude')],
    strictMcpConfig: true,
    settings: { cleanupPeriodDays: transcriptDays, env: Object.fromEntries(shown) },
    managedSettings: {
      allowManagedHooksOnly: true,
      allowManagedPermissionRulesOnly: true,
      permissions: {
        allow: ['mcp__whatsapp'],
        deny: rooted(grants.rules.deny),
        ask: rooted(grants.rules.ask),
      },
    },
  };
}

/**
 * Variables kept out of the settings, which travel on a command line that others on the machine can
 * read; CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST protects them instead.
 */
const isSecret = /KEY|TOKEN|SECRET|PASSWORD|^ANTHROPIC_/i;

/** The workspace's approved variables. */
export function variablesOf({ programs }: WorkspaceGrants): Record<string, string> {
  return Object.assign(
    {},
    ...programs.map((program) => (program.kind === 'variables' ? program.values : {})),
  );
}

/**
 * Those of the workspace's approved variables that are kept off the command line: Claude Code gets
 * them in its environment. None of these names means anything to the programs that start it.
 */
export function secretVariablesOf(grants: WorkspaceGrants): Record<string, string> {
  const all = Object.entries(variablesOf(grants));
  return Object.fromEntries(all.filter(([name]) => isSecret.test(name) && !name.startsWith('LD_')));
}

/**
 * The workspace's approved MCP servers; `${NAME}` and `${NAME:-else}` are filled from the
 * variables.
 */
export function serversOf(
  { programs }: WorkspaceGrants,
  workspace: string,
  variables: Record<string, string>,
): Record<string, McpServerConfig> {
  const fill = (text: string): string =>
    text.replaceAll(
      /\$\{(\w+)(?::-([^}]*))?\}/g,
      (whole, name: string, otherwise?: string) =>
        (isSecret.test(name) ? undefined : variables[name]) ?? otherwise ?? whole,
    );
  const fillAll = (values: Record<string, string>): Record<string, string> =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [name, fill(value)]));
  return Object.fromEntries(
    programs.flatMap((program): [string, McpServerConfig][] => {
      if (program.kind !== 'server') return [];
      const { server } = program;
      if (server.type === 'stdio')
        return [
          [
            program.id,
            inWorkspace(workspace, [server.command, ...server.args].map(fill), fillAll(server.env)),
          ],
        ];
      return [[program.id, { ...server, url: fill(server.url), headers: fillAll(server.headers) }]];
    }),
  );
}

/**
 * Claude Code starts servers in the project settings' directory, which is not the workspace here.
 */
function inWorkspace(
  workspace: string,
  command: string[],
  env: Record<string, string>,
): McpServerConfig {
  return {
    type: 'stdio',
    command: 'sh',
    args: ['-c', 'cd "$1" && shift && exec "$@"', 'sh', workspace, ...command],
    env: { ...env, CLAUDE_PROJECT_DIR: workspace },
  };
}
