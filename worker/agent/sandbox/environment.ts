import path from 'node:path';
import type { Environment } from '../../../shared/runtime/env.ts';
import type { Home } from '../homes/home.ts';
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

/** Claude Code's directory for transcripts and settings, in the directory of a home. */
export function claudeDirectory(directory: string): string {
  return path.join(directory, 'claude');
}

/** The home directory of the processes, in the directory of a home. */
export function homeDirectory(directory: string): string {
  return path.join(directory, 'home');
}

/**
 * The owner of an environment: `mark` identifies the session for the reaper, `isRoot` says whether
 * its processes run as root. `user` is the user name they see, which may have no account.
 */
export type EnvironmentOwner = {
  mark: string;
  isRoot: boolean;
  user?: string | undefined;
};

/**
 * The complete environment of an agent's processes. `given` is added to the defaults. The home
 * directory, the temporary one and Claude Code's own are the person's and survive a stop.
 */
export function agentEnvironment(
  host: Environment,
  { directory, temporary }: Pick<Home, 'directory' | 'temporary'>,
  given: Environment,
  { mark, isRoot, user }: EnvironmentOwner,
): Record<string, string> {
  const environment: Record<string, string | undefined> = {
    ...Object.fromEntries(passedOn.map((name) => [name, host[name]])),
    ...given,
    ...pastProxies(host),
    HOME: homeDirectory(directory),
    USER: user,
    LOGNAME: user,
    TMPDIR: temporary,
    CLAUDE_CONFIG_DIR: claudeDirectory(directory),
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    DISABLE_AUTOUPDATER: '1',
    // Prevents any settings file from changing the model's address, key or proxy.
    CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST: '1',
    CLAUDE_AGENT_SDK_CLIENT_APP: 'sidepocket',
    // As root, Claude Code refuses to skip its permission prompts unless this variable says that it
    // is in a sandbox; the VM is one.
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
