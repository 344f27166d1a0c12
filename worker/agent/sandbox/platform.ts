import type { Environment } from '../../../shared/runtime/env.ts';
import type { Log } from '../../../shared/runtime/log.ts';
import type { ModelLookup } from '../model/known-model.ts';
import type { Home } from '../homes/home.ts';
import { createAgentFiles } from './files.ts';
import type { AgentFiles } from './files.ts';
import { usualName } from './user.ts';
import { giveIdentity } from './git-identity.ts';
import { commandVariables, writeExports } from './command-environment.ts';
import { agentEnvironment, claudeDirectory, homeDirectory } from './environment.ts';
import type { AgentSecrets } from './environment.ts';
import { grantGithub } from './github-access.ts';
import { runModelProxy } from '../model/proxy.ts';
import type { ModelProxy } from '../model/proxy.ts';
import { createConfigRoots } from '../workspace/config-root.ts';
import type { ConfigRoots } from '../workspace/config-root.ts';
import { cleanGlobalConfig } from '../workspace/global-config.ts';
import type { ModelAccountDeps } from '../model/account.ts';
import type { ModelSession } from '../model/sessions.ts';
import { keepEnd } from '../claude/transcript/transcript-end.ts';
import { beganAt, createSessionFile } from '../claude/transcript/transcript-file.ts';
import type { SessionFile } from '../claude/transcript/transcript-file.ts';
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

export type AgentPlatformOptions = {
  dataDir: string;
  secrets: AgentSecrets;
  environment: AgentEnvironment;
  log: Log;
  /** Accounting, prices and limits for the model's requests. */
  accounting: Pick<ModelAccountDeps, 'requests' | 'prices' | 'limits'>;
  /** `WORKER_ID#boot`: part of the mark on every process, and the owner of its model requests. */
  owner: string;
};

export type EnvironmentOf = (mark: string, model: ModelSession) => Record<string, string>;

/**
 * What the agent's processes in all homes run on: environment, directories, access to the model.
 */
export type AgentPlatform = {
  /**
   * Admits another session at the model proxy; its placeholders are the processes' access to the
   * model.
   */
  admit(): Promise<ModelSession>;
  /** Looks up a model's name at the model's service. Throws when the proxy cannot start. */
  lookUpModel(name: string): Promise<ModelLookup>;
  /**
   * Prepares a home for a session, including the session's own `directories`, and returns a
   * function that builds the processes' whole environment from a mark and the session's access to
   * the model. Existing directories are left as they are. Throws when something could not be
   * created.
   */
  furnish(home: Home, directories: string[]): Promise<EnvironmentOf>;
  /** The directories that Claude Code reads as a project's settings. */
  roots: ConfigRoots;
  /**
   * Removes from Claude Code's own settings in a home what would affect a process that starts now.
   * Never rejects.
   */
  clean(home: Home): Promise<void>;
  /** The transcript of a session of the home; empty if it does not exist. */
  transcript(home: Home, session: string, workspace: string): Promise<TranscriptEntry[]>;
  /** The same, and when the session began (ms since 1970), if the transcript says so. */
  history(
    home: Home,
    session: string,
    workspace: string,
  ): Promise<{ entries: TranscriptEntry[]; began: number | undefined }>;
  /**
   * Makes Claude Code resume a session at its transcript's end, and returns the transcript as
   * `transcript` does. No process may be in the session. Throws when it could not.
   */
  takeUp(home: Home, session: string, workspace: string): Promise<TranscriptEntry[]>;
  close(): Promise<void>;
};

export function createAgentPlatform({
  dataDir,
  secrets,
  environment: { host, variablesOf },
  log,
  accounting,
  owner,
}: AgentPlatformOptions): AgentPlatform {
  const {
    ANTHROPIC_API_KEY,
    CLAUDE_CODE_OAUTH_TOKEN,
    ANTHROPIC_BASE_URL,
    ANTHROPIC_MODEL,
    GITHUB_TOKEN,
  } = secrets;
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
  /** What a home gets once: git's settings, with the way to the token. */
  const settings = new Map<string, Promise<Record<string, string>>>();
  const settle = async (files: AgentFiles, directory: string): Promise<Record<string, string>> => {
    const [git] = await Promise.all([
      GITHUB_TOKEN ? grantGithub(files, directory, GITHUB_TOKEN) : {},
      giveIdentity(files, directory),
    ]);
    return git;
  };
  const settleOnce = (files: AgentFiles, directory: string): Promise<Record<string, string>> => {
    const settling = settings.get(directory) ?? settle(files, directory);
    settings.set(directory, settling);
    settling.catch(() => settings.delete(directory));
    return settling;
  };
  const sessionFileOf = ({ user, directory }: Home): SessionFile =>
    createSessionFile(user, claudeDirectory(directory));

  const roots = createConfigRoots(dataDir);

  return {
    roots,
    clean: ({ user, directory }) =>
      cleanGlobalConfig(createAgentFiles(user), claudeDirectory(directory), log),
    admit: async () => (await reachModel()).admit(),
    lookUpModel: async (name) => (await reachModel()).lookUpModel(name),
    async furnish({ user, directory, temporary }, directories) {
      const files = createAgentFiles(user);
      const home = homeDirectory(directory);
      const [{ environment }, git] = await Promise.all([
        reachModel(),
        settleOnce(files, home),
        files.makeDirectories(directories, [home, temporary]),
      ]);
      const known = user?.isPicked ? usualName : user?.name;
      const isRoot = (user?.uid ?? process.getuid?.()) === 0;
      return (mark, model) =>
        agentEnvironment(
          host,
          { directory, temporary },
          {
            ANTHROPIC_MODEL,
            ...environment,
            ...model.placeholders,
            ...git,
            ...(variablesOf ? commandVariables(user, model.commandToken) : {}),
          },
          { mark, isRoot, user: known },
        );
    },
    transcript: (home, session, workspace) =>
      readTranscript(session, workspace, createSessionStore(sessionFileOf(home))),
    async history(home, session, workspace) {
      const file = sessionFileOf(home);
      const text = await file.read(session);
      const store = createSessionStore({ ...file, read: async () => text });
      return { entries: await readTranscript(session, workspace, store), began: beganAt(text) };
    },
    async takeUp(home, session, workspace) {
      const file = sessionFileOf(home);
      // Each read is a process of the home's user.
      const text = await file.read(session);
      const known = { ...file, read: async () => text };
      if (await keepEnd(session, known))
        log.warn(
          { session },
          'repaired the transcript: Claude Code would have resumed in the middle of the session',
        );
      return await readTranscript(session, workspace, createSessionStore(known));
    },
    async close() {
      await Promise.all([(await proxy)?.stop(), roots.close()]);
    },
  };
}
