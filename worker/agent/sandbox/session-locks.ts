import path from 'node:path';
import type { McpServerConfig, Options } from '@anthropic-ai/claude-agent-sdk';
import type { WorkspaceGrants } from '../workspace/grants.ts';

/**
 * After so many days without use Claude Code deletes a session's transcript, and `/resume` begins
 * anew: a year, where its own default is 30 days.
 */
const transcriptDays = 365;

/**
 * What keeps a session from what others have written into the workspace and into Claude Code's own
 * directory.
 */
export type LockParts = {
  /** The session's whole environment, which no settings may change. */
  env: Record<string, string>;
  /** The directory that stands for the project's settings; see ConfigRoots. */
  root: string;
  grants: WorkspaceGrants;
  /** Undefined for a process that has no workspace yet. */
  workspace: string | undefined;
};

/**
 * Claude Code's options that leave every setting to the worker (tried with 2.1.330;
 * docs/security.md has the table):
 * - `projectConfigRoot`: settings of the project come from the worker's own directory. No `user`
 *   among the sources: the agent writes those itself.
 * - `strictMcpConfig`: only our MCP servers and those agreed to, also for agents and plugins.
 * - the managed locks: no hooks of skills and agents, and no rights from `allowed-tools` of a
 *   command or skill; they also hold for `allowedTools`, so our own server is allowed there.
 * - `settings.env`: our variables again, after those of `.claude.json`.
 */
export function lockSession({
  env,
  root,
  grants,
  workspace,
}: LockParts): Pick<
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
  const variables = Object.fromEntries(
    Object.entries(env).filter(([name]) => !isSecret.test(name)),
  );
  return {
    settingSources: ['project', 'local'],
    projectConfigRoot: root,
    // What a skill brings along is read there without a question, as it is in the workspace.
    additionalDirectories: [path.join(root, '.claude')],
    strictMcpConfig: true,
    settings: { cleanupPeriodDays: transcriptDays, env: { ...variablesOf(grants), ...variables } },
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
 * The settings travel on a command line, which others on the machine may read; what lies there is
 * guarded by CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST.
 */
const isSecret = /KEY|TOKEN|SECRET|PASSWORD|^ANTHROPIC_/i;

/** The variables of the workspace that were agreed to. */
export function variablesOf({ programs }: WorkspaceGrants): Record<string, string> {
  return Object.assign(
    {},
    ...programs.map((program) => (program.kind === 'variables' ? program.values : {})),
  );
}

/**
 * The MCP servers of the workspace that were agreed to; `${NAME}` and `${NAME:-else}` are filled
 * from the variables.
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
 * Claude Code starts servers in the directory of the project's settings, which is not the workspace
 * here.
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
