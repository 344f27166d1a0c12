import { randomUUID } from 'node:crypto';
import { query } from '@anthropic-ai/claude-agent-sdk';
import type { Options } from '@anthropic-ai/claude-agent-sdk';
import type { Home } from '../homes/home.ts';
import type { AgentTurn, ComingTurn } from '../agent.ts';
import type { AgentPlatform, EnvironmentOf } from '../sandbox/platform.ts';
import { createLiveSession } from './session.ts';
import type { LiveSession, Settings } from './session.ts';
import type { ModelSession } from '../model/sessions.ts';
import { claudeModes } from './permissions.ts';
import { promptId } from './prompt-id.ts';
import type { TranscriptEntry } from './transcript/transcript.ts';
import { createSessionOptions } from './options.ts';
import { grantsKey, noGrants } from '../workspace/grants.ts';
import type { SessionOptionDeps, SessionEnvironment } from './options.ts';
import type { SessionProcesses, WorkProcesses } from '../sandbox/work-processes.ts';

export type SessionDeps = {
  options: Omit<SessionOptionDeps, 'imagesDir'>;
  platform: AgentPlatform;
  processes: WorkProcesses;
  /** The default model; undefined leaves the choice to Claude Code. */
  model: string | undefined;
};

/** What a turn needs of a session: conversation, home, session to resume, and settings. */
export type Wanted = ComingTurn & Partial<Pick<AgentTurn, 'rewind'>>;

export function settingsOf(
  { model, effort, permissions }: Wanted,
  usualModel: string | undefined,
): Settings {
  return { model: model ?? usualModel, effort, permissions: claudeModes[permissions] };
}

/**
 * Starts Claude Code in a new session or resumes the given one; a session without a transcript is
 * started again.
 */
export async function startSession(parts: SessionDeps, wanted: Wanted): Promise<LiveSession> {
  const { platform } = parts;
  const { conversation, home, workspace, session, rewind, grants = noGrants } = wanted;
  const takeUp = async (id: string): Promise<TranscriptEntry[]> => {
    await parts.processes.endOthers(id, home.user);
    return await platform.takeUp(home, id, workspace);
  };
  const [environmentOf, model, root, written] = await Promise.all([
    platform.furnish(home, [workspace]),
    platform.admit(),
    platform.roots.of(workspace),
    session === undefined ? [] : takeUp(session),
    platform.clean(home),
  ]);
  model.bind(conversation);
  const place = rewind === undefined ? undefined : findPlaceBefore(written, promptId(rewind));
  const resumed = session !== undefined && written.length > 0 && place !== 'start';
  const id = resumed && place === undefined ? session : randomUUID();
  const processes = parts.processes.ofSession(id, home.user);
  const settings = settingsOf(wanted, parts.model);
  let live: LiveSession | undefined;
  const project = { workspace, grants, isResumed: resumed };
  const around = sessionEnvironment(
    platform,
    home,
    { mark: processes.mark, model },
    environmentOf,
    () => live,
  );
  const options = createSessionOptions(optionsFor(parts, home, processes), {
    ...around,
    root,
    project,
  });
  const transcript = (other: string): ReturnType<AgentPlatform['transcript']> =>
    platform.transcript(home, other, workspace);
  live = createLiveSession(
    { id, workspace, processes, resumed, settings, grants: grantsKey(grants), model, transcript },
    (prompt) =>
      query({
        prompt,
        options: {
          ...options,
          cwd: workspace,
          ...(resumed ? resumeAt(session, id, place) : { sessionId: id }),
          ...(settings.model ? { model: settings.model } : {}),
          ...(settings.effort ? { effort: settings.effort } : {}),
          permissionMode: settings.permissions,
        },
      }),
  );
  return live;
}

/**
 * Where a session stood before a prompt: the id of what Claude said last, or its start; undefined
 * when the prompt is not in it.
 */
function findPlaceBefore(
  transcript: readonly TranscriptEntry[],
  prompt: string,
): string | undefined {
  const at = transcript.findIndex(({ id }) => id === prompt);
  if (at < 0) return undefined;
  const last = transcript
    .slice(0, at)
    .findLast(({ by, kind }) => by === 'claude' && kind !== 'break' && kind !== 'failed');
  return last?.id ?? 'start';
}

/** The options that resume a session; up to a place in it as a session of its own. */
function resumeAt(session: string, id: string, place: string | undefined): Partial<Options> {
  return place === undefined
    ? { resume: session }
    : { resume: session, resumeSessionAt: place, forkSession: true, sessionId: id };
}

/** The options of a session in a home, with its processes' user and group. */
export function optionsFor(
  { options }: SessionDeps,
  { images }: Home,
  { user, group }: SessionProcesses,
): SessionOptionDeps {
  return { ...options, imagesDir: images, user, bounds: { ...options.bounds, group } };
}

/** The environment for the process with this mark; `environmentOf` belongs to its own home. */
export function sessionEnvironment(
  platform: AgentPlatform,
  home: Home,
  { mark, model }: { mark: string; model: ModelSession },
  environmentOf: EnvironmentOf,
  live: () => LiveSession | undefined,
): Omit<SessionEnvironment, 'root' | 'project'> {
  return {
    env: environmentOf(mark, model),
    furnishBrowser: async (pictures) => (await platform.furnish(home, [pictures]))(mark, model),
    live,
  };
}
