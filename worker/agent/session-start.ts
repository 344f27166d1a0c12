import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { query } from '@anthropic-ai/claude-agent-sdk';
import type { AgentTurn } from './agent.ts';
import type { AgentHome } from './agent-home.ts';
import { createLiveSession } from './live-session.ts';
import type { LiveSession, Settings } from './live-session.ts';
import { claudeModes } from './permissions.ts';
import { createMark, isOfSession, killMarked } from './processes.ts';
import { createSessionOptions } from './session-options.ts';
import type { SessionOptionParts, Surroundings } from './session-options.ts';

export type SessionParts = SessionOptionParts & {
  dataDir: string;
  /** `WORKER_ID#boot`: a part of the mark on every process. */
  owner: string;
  home: AgentHome;
  /** The model where none was chosen; undefined is Claude Code's own choice. */
  model: string | undefined;
};

/** What a turn needs its session for: where it works, what it goes on with, and by which settings. */
export type Wanted = Pick<AgentTurn, 'workspace' | 'session' | 'model' | 'permissions'>;

export function settingsOf({ model, permissions }: Wanted, usualModel: string | undefined): Settings {
  return { model: model ?? usualModel, permissions: claudeModes[permissions] };
}

/** Starts Claude Code in a session of its own, or in the one that it goes on with; one of which nothing is written down is begun anew. */
export async function startSession(parts: SessionParts, wanted: Wanted): Promise<LiveSession> {
  const { home, user, dataDir, owner } = parts;
  const { workspace, session } = wanted;
  // Another worker's process on this session may have outlived it; two must never work on one.
  const endOthers = session === undefined ? 0 : killMarked((mark) => isOfSession(mark, session, dataDir), { user });
  const [environmentOf, written] = await Promise.all([home.furnish(path.basename(workspace), [workspace]), session === undefined ? [] : home.transcript(session, workspace), endOthers]);
  const resumed = session !== undefined && written.length > 0;
  const id = resumed ? session : randomUUID();
  const mark = createMark(owner, id, dataDir);
  const settings = settingsOf(wanted, parts.model);
  let live: LiveSession | undefined;
  const options = createSessionOptions(parts, surround(home, mark, environmentOf, () => live));
  live = createLiveSession({ id, workspace, mark, user, resumed, settings, transcript: (other) => home.transcript(other, workspace) }, (prompt) =>
    query({ prompt, options: { ...options, cwd: workspace, ...(resumed ? { resume: id } : { sessionId: id }), ...(settings.model ? { model: settings.model } : {}), permissionMode: settings.permissions } }),
  );
  return live;
}

/** What the process of a mark finds around it; `environmentOf` is of its own furnishing. The browser has the conversation's own temporary directory, also when it belongs to what was a spare. */
export function surround(home: AgentHome, mark: string, environmentOf: (mark: string) => Record<string, string>, live: () => LiveSession | undefined): Surroundings {
  return {
    env: environmentOf(mark),
    furnishBrowser: async (workspace, pictures) => (await home.furnish(path.basename(workspace), [pictures]))(mark),
    live,
  };
}
