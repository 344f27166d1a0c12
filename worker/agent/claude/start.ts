import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { query } from '@anthropic-ai/claude-agent-sdk';
import type { AgentTurn } from '../agent.ts';
import type { AgentHome, EnvironmentOf } from '../sandbox/home.ts';
import { createLiveSession } from './session.ts';
import type { LiveSession, Settings } from './session.ts';
import type { ModelSession } from '../model/sessions.ts';
import { claudeModes } from './permissions.ts';
import { createSessionOptions } from './options.ts';
import { grantsKey, noGrants } from '../workspace/grants.ts';
import type { SessionOptionParts, SessionSurroundings } from './options.ts';
import type { SessionProcesses, WorkProcesses } from '../sandbox/work-processes.ts';

export type SessionParts = {
  options: SessionOptionParts;
  dataDir: string;
  home: AgentHome;
  processes: WorkProcesses;
  /** The default model; undefined leaves the choice to Claude Code. */
  model: string | undefined;
};

/** What a turn needs of a session: conversation, workspace, session to resume, and settings. */
export type Wanted = Pick<
  AgentTurn,
  'conversation' | 'workspace' | 'session' | 'model' | 'effort' | 'permissions' | 'grants'
>;

export function settingsOf(
  { model, effort, permissions }: Wanted,
  usualModel: string | undefined,
): Settings {
  return { model: model ?? usualModel, effort, permissions: claudeModes[permissions] };
}

/**
 * Starts Claude Code in a new session or resumes the given one; a session without a transcript is
 * started anew.
 */
export async function startSession(parts: SessionParts, wanted: Wanted): Promise<LiveSession> {
  const { home } = parts;
  const { conversation, workspace, session, grants = noGrants } = wanted;
  const keep =
    session === undefined
      ? undefined
      : parts.processes.endOthers(session).then(() => home.keepEnd(session));
  const [environmentOf, model, root, written] = await Promise.all([
    home.furnish(path.basename(workspace), [workspace]),
    home.admit(),
    home.roots.of(workspace),
    session === undefined ? [] : home.transcript(session, workspace),
    home.clean(),
    keep,
  ]);
  model.bind(conversation);
  const resumed = session !== undefined && written.length > 0;
  const id = resumed ? session : randomUUID();
  const processes = parts.processes.ofSession(id);
  const settings = settingsOf(wanted, parts.model);
  let live: LiveSession | undefined;
  const project = { workspace, grants, isResumed: resumed };
  const around = surround(home, { mark: processes.mark, model }, environmentOf, () => live);
  const options = createSessionOptions(optionsFor(parts, processes), { ...around, root, project });
  const transcript = (other: string): ReturnType<AgentHome['transcript']> =>
    home.transcript(other, workspace);
  live = createLiveSession(
    { id, workspace, processes, resumed, settings, grants: grantsKey(grants), model, transcript },
    (prompt) =>
      query({
        prompt,
        options: {
          ...options,
          cwd: workspace,
          ...(resumed ? { resume: id } : { sessionId: id }),
          ...(settings.model ? { model: settings.model } : {}),
          ...(settings.effort ? { effort: settings.effort } : {}),
          permissionMode: settings.permissions,
        },
      }),
  );
  return live;
}

/** The options of a session with its processes' user and group. */
export function optionsFor(
  { options }: SessionParts,
  { user, group }: SessionProcesses,
): SessionOptionParts {
  return { ...options, user, bounds: { ...options.bounds, group } };
}

/**
 * The environment for the process with this mark; `environmentOf` belongs to its own directories.
 * The browser uses the conversation's own temporary directory, even for a process that was
 * prewarmed.
 */
export function surround(
  home: AgentHome,
  { mark, model }: { mark: string; model: ModelSession },
  environmentOf: EnvironmentOf,
  live: () => LiveSession | undefined,
): Omit<SessionSurroundings, 'root' | 'project'> {
  return {
    env: environmentOf(mark, model),
    furnishBrowser: async (workspace, pictures) =>
      (await home.furnish(path.basename(workspace), [pictures]))(mark, model),
    live,
  };
}
