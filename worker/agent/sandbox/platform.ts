import type { Environment } from '../../../shared/runtime/env.ts';
import type { Log } from '../../../shared/runtime/log.ts';
import type { ModelLookup } from '../agent.ts';
import { createAgentFiles } from './files.ts';
import { usualName } from './user.ts';
import type { AgentUser } from './user.ts';
import { giveIdentity } from './git-identity.ts';
import { commandVariables, writeExports } from './command-environment.ts';
import { agentEnvironment, claudeDirectory } from './environment.ts';
import type { AgentSecrets } from './environment.ts';
import { grantGithub } from './github-access.ts';
import { runModelProxy } from '../model/proxy.ts';
import type { ModelProxy } from '../model/proxy.ts';
import { createConfigRoots } from '../workspace/config-root.ts';
import type { ConfigRoots } from '../workspace/config-root.ts';
import { cleanGlobalConfig } from '../workspace/global-config.ts';
import type { ModelAccountParts } from '../model/account.ts';
import type { ModelSession } from '../model/sessions.ts';
import { keepEnd } from '../claude/transcript/transcript-end.ts';
import { createSessionFile } from '../claude/transcript/transcript-file.ts';
import { createSessionStore } from '../claude/transcript/transcript-store.ts';
import { readTranscript } from '../claude/transcript/transcript.ts';
import type { TranscriptEntry } from '../claude/transcript/transcript.ts';

export type AgentEnvironment = {
  /** The worker's own environment, of which the agent sees a few variables. */
  host: Environment;
  /**
   * Variables for the commands of a conversation's person, read before each command; none by
   * default.
   */
  variablesOf?: ((conversation: string) => Promise<Record<string, string>>) | undefined;
};

export type AgentHomeOptions = {
  dataDir: string;
  /** The user of the agent's processes; undefined means the worker's own user. */
  user?: AgentUser | undefined;
  secrets: AgentSecrets;
  environment: AgentEnvironment;
  log: Log;
  /** Accounting, prices and limits for the model's requests. */
  accounting: Pick<ModelAccountParts, 'requests' | 'prices' | 'limits'>;
  /** `WORKER_ID#boot`: part of the mark on every process, and the owner of its model requests. */
  owner: string;
};

export type EnvironmentOf = (mark: string, model: ModelSession) => Record<string, string>;

/** The surroundings of the agent's processes: directories, environment, and access to the model. */
export type AgentHome = {
  /**
   * Admits another session at the model proxy; its placeholders are the processes' access to the
   * model.
   */
  admit(): Promise<ModelSession>;
  /** Looks up a model's name at the model's service. Throws when the proxy cannot start. */
  lookUpModel(name: string): Promise<ModelLookup>;
  /**
   * Prepares a session's directories, including its own `directories`, and returns a function that
   * builds the processes' whole environment from a mark and the session's access to the model;
   * `name` names their directories. Existing ones are left as they are. Throws when something could
   * not be created.
   */
  furnish(name: string, directories: string[]): Promise<EnvironmentOf>;
  /** The directories that Claude Code reads as a project's settings. */
  roots: ConfigRoots;
  /**
   * Removes from Claude Code's own settings what would affect a process that starts now. Never
   * rejects.
   */
  clean(): Promise<void>;
  /** A session's transcript; empty when there is none. */
  transcript(session: string, workspace: string): Promise<TranscriptEntry[]>;
  /**
   * Makes Claude Code resume a session at its transcript's end. No process may be in it. Throws
   * when it could not.
   */
  keepEnd(session: string): Promise<void>;
  close(): Promise<void>;
};

export function createAgentHome({
  dataDir,
  user,
  secrets,
  environment: { host, variablesOf },
  log,
  accounting,
  owner,
}: AgentHomeOptions): AgentHome {
  const {
    ANTHROPIC_API_KEY,
    CLAUDE_CODE_OAUTH_TOKEN,
    ANTHROPIC_BASE_URL,
    ANTHROPIC_MODEL,
    GITHUB_TOKEN,
  } = secrets;
  const files = createAgentFiles(user);
  const sessionFile = createSessionFile(user, claudeDirectory(dataDir));
  const store = createSessionStore(sessionFile);
  const isRoot = (user?.uid ?? process.getuid?.()) === 0;
  let proxy: Promise<ModelProxy> | undefined;
  const reachModel = (): Promise<ModelProxy> =>
    (proxy ??= runModelProxy({
      ...accounting,
      keys: { ANTHROPIC_API_KEY, CLAUDE_CODE_OAUTH_TOKEN },
      baseUrl: ANTHROPIC_BASE_URL,
      exportsOf:
        variablesOf && (async (conversation) => writeExports(await variablesOf(conversation))),
      host,
      owner,
      log,
    }));
  let github: Promise<Record<string, string>> | undefined;
  let identity: Promise<void> | undefined;

  const roots = createConfigRoots(dataDir);

  return {
    roots,
    clean: () => cleanGlobalConfig(files, claudeDirectory(dataDir), log),
    admit: async () => (await reachModel()).admit(),
    lookUpModel: async (name) => (await reachModel()).lookUpModel(name),
    async furnish(name, directories) {
      const { HOME: home = '', TMPDIR: temporary = '' } = agentEnvironment(
        {},
        dataDir,
        {},
        { mark: '', name, isRoot },
      );
      identity ??= giveIdentity(files, home);
      if (GITHUB_TOKEN) github ??= grantGithub(files, home, GITHUB_TOKEN);
      const [{ environment }, git] = await Promise.all([
        reachModel(),
        github,
        identity,
        ...[home, temporary].map((directory) => files.makeDirectory(directory, 0o700)),
        ...directories.map((directory) => files.makeDirectory(directory)),
      ]);
      const known = user?.isPicked ? usualName : user?.name;
      return (mark, model) =>
        agentEnvironment(
          host,
          dataDir,
          {
            ANTHROPIC_MODEL,
            ...environment,
            ...model.placeholders,
            ...git,
            ...(variablesOf ? commandVariables(user, model.commandToken) : {}),
          },
          { mark, name, isRoot, user: known },
        );
    },
    transcript: (session, workspace) => readTranscript(session, workspace, store),
    async keepEnd(session) {
      if (!(await keepEnd(session, sessionFile))) return;
      log.warn(
        { session },
        'repaired the transcript: Claude Code would have resumed in the middle of the session',
      );
    },
    async close() {
      await Promise.all([(await proxy)?.stop(), roots.close()]);
    },
  };
}
