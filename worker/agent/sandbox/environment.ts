import path from 'node:path';
import type { Environment } from '../../../shared/runtime/env.ts';
import { markVariable } from './processes.ts';

/**
 * Host variables that Claude Code and its tools may see. Everything else, above all the secrets,
 * stays out.
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

/** The agent's secrets and settings. Undefined values are left out. */
export type AgentSecrets = {
  ANTHROPIC_API_KEY?: string | undefined;
  CLAUDE_CODE_OAUTH_TOKEN?: string | undefined;
  ANTHROPIC_BASE_URL?: string | undefined;
  ANTHROPIC_MODEL?: string | undefined;
  GITHUB_TOKEN?: string | undefined;
};

/** Claude Code's directory for transcripts and settings, below the data directory. */
export function claudeDirectory(dataDir: string): string {
  return path.join(dataDir, 'claude');
}

/**
 * The owner of an environment: `mark` identifies the session for the reaper, `name` is the
 * conversation's directory name, `isRoot` says whether its processes run as root. `user` is the
 * user name they see, which may have no account.
 */
export type EnvironmentOwner = {
  mark: string;
  name: string;
  isRoot: boolean;
  user?: string | undefined;
};

/**
 * The complete environment of an agent's processes. `given` is added to the defaults. The home, the
 * conversation's temporary directory and Claude Code's own are below the data directory, so that
 * they survive a stop and belong to the agent alone.
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
    // Prevents any settings file from changing the model's address, key or proxy.
    CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST: '1',
    CLAUDE_AGENT_SDK_CLIENT_APP: 'sidepocket',
    // As root, Claude Code refuses to skip its permission prompts unless it is told that it is in a
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
 * Bypasses the host's internet proxy for this machine's own addresses, because the model proxy is
 * on one of them.
 */
function pastProxies(host: Environment): Environment {
  if (!['HTTP_PROXY', 'HTTPS_PROXY', 'http_proxy', 'https_proxy'].some((name) => host[name]))
    return {};
  const addresses = [host['NO_PROXY'] ?? host['no_proxy'], '127.0.0.1', 'localhost']
    .filter(Boolean)
    .join(',');
  return { NO_PROXY: addresses, no_proxy: addresses };
}
