import path from 'node:path';
import type { Environment } from '../../../shared/runtime/env.ts';
import { markVariable } from './processes.ts';

/**
 * Variables of the host that Claude Code and its tools may see. Everything else, the secrets first
 * of all, stays out.
 */
const passedOn = [
  'PATH',
  'LANG',
  'LC_ALL',
  'TZ',
  'TERM',
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'NO_PROXY',
  'http_proxy',
  'https_proxy',
  'no_proxy',
  'SSL_CERT_FILE',
  'NODE_EXTRA_CA_CERTS',
  'GIT_SSL_CAINFO',
  'CURL_CA_BUNDLE',
];

/** What Claude Code needs to know. Values that are undefined are left out. */
export type AgentSecrets = {
  ANTHROPIC_API_KEY?: string | undefined;
  CLAUDE_CODE_OAUTH_TOKEN?: string | undefined;
  ANTHROPIC_BASE_URL?: string | undefined;
  ANTHROPIC_MODEL?: string | undefined;
  GITHUB_TOKEN?: string | undefined;
};

/** Where Claude Code keeps its transcripts and settings, below the data directory. */
export function claudeDirectory(dataDir: string): string {
  return path.join(dataDir, 'claude');
}

/**
 * Whose environment it is: `mark` names the session for the reaper, `name` is the conversation's
 * among directories, `isRoot` says whether its processes are root's. `user` is what they call their
 * user, which may have no account to say it.
 */
export type EnvironmentOwner = {
  mark: string;
  name: string;
  isRoot: boolean;
  user?: string | undefined;
};

/**
 * The whole environment of an agent's processes. `given` is what it gets on top of the usual. The
 * home, the conversation's temporary directory and Claude Code's own are below the data directory,
 * so that they survive a stop and belong to the agent alone.
 */
export function agentEnvironment(
  host: Environment,
  dataDir: string,
  given: Environment,
  { mark, name, isRoot, user }: EnvironmentOwner,
): Record<string, string> {
  const environment: Record<string, string | undefined> = {
    ...Object.fromEntries(passedOn.map((name) => [name, host[name]])),
    ...given,
    ...pastProxies(host),
    HOME: path.join(dataDir, 'home'),
    USER: user,
    LOGNAME: user,
    TMPDIR: path.join(dataDir, 'tmp', name),
    CLAUDE_CONFIG_DIR: claudeDirectory(dataDir),
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    DISABLE_AUTOUPDATER: '1',
    // No settings file, wherever it lies, changes where the model is, by which key, or through
    // which proxy.
    CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST: '1',
    CLAUDE_AGENT_SDK_CLIENT_APP: 'sidepocket',
    // Claude Code refuses to skip its permission questions as root unless told that it is in a
    // sandbox; the VM is one.
    IS_SANDBOX: isRoot ? '1' : undefined,
    [markVariable]: mark,
  };
  return Object.fromEntries(
    Object.entries(environment).filter(
      (entry): entry is [string, string] => entry[1] !== undefined,
    ),
  );
}

/**
 * Where the host has a proxy for the internet, this machine's own addresses are still reached
 * directly: the model's is one.
 */
function pastProxies(host: Environment): Environment {
  if (!['HTTP_PROXY', 'HTTPS_PROXY', 'http_proxy', 'https_proxy'].some((name) => host[name]))
    return {};
  const addresses = [host['NO_PROXY'] ?? host['no_proxy'], '127.0.0.1', 'localhost']
    .filter(Boolean)
    .join(',');
  return { NO_PROXY: addresses, no_proxy: addresses };
}
