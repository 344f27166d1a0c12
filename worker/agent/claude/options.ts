import path from 'node:path';
import type { Options } from '@anthropic-ai/claude-agent-sdk';
import type { FileReader } from '../../reading/file-reader.ts';
import type { Bounds } from '../sandbox/bounds.ts';
import type { AgentUser } from '../sandbox/user.ts';
import { browserCommand } from '../mcp/browser.ts';
import { startBrowserProcess } from '../mcp/browser-process.ts';
import type { BrowserProcess } from '../mcp/browser-process.ts';
import { browserServer } from '../mcp/browser-server.ts';
import { chatServer } from '../mcp/chat-server.ts';
import { holdTools, watchCost } from './before-tool.ts';
import { instructions } from './instructions.ts';
import type { LiveSession } from './session.ts';
import { createCanUseTool } from './permissions.ts';
import { createSpawn } from '../sandbox/processes.ts';
import { projectHooks } from '../workspace/project-hooks.ts';
import {
  lockSession,
  secretVariablesOf,
  serversOf,
  variablesOf,
} from '../sandbox/session-locks.ts';
import { createToolPictures } from './tool-pictures.ts';
import { noGrants } from '../workspace/grants.ts';
import type { WorkspaceGrants } from '../workspace/grants.ts';
import { createWorkspaceReader } from '../workspace/reader.ts';

export type SessionOptionDeps = {
  imagesDir: string;
  chromium: string | undefined;
  user?: AgentUser | undefined;
  /** Limits its processes and marks them. */
  bounds?: Bounds;
  /** Converts the browser's screenshots; without it they are passed on as Playwright makes them. */
  reader?: FileReader | undefined;
  /** Whether each tool call checks the budget first. */
  watchesCost?: boolean;
  /** Whether Claude Code suggests the next prompt after an answer, with a request of its own. */
  suggests?: boolean;
};

/** The environment of a process. */
export type SessionEnvironment = {
  /** Its environment variables, all of them. */
  env: Record<string, string>;
  /**
   * Prepares the browser's directories, including one for its screenshots, and returns the
   * browser's environment variables, all of them.
   */
  furnishBrowser(pictures: string): Promise<Record<string, string>>;
  /** The worker's own directory that replaces the project's settings. */
  root: string;
  /**
   * The workspace and its grants; undefined for a prewarmed process, which has no workspace yet.
   */
  project: { workspace: string; grants: WorkspaceGrants; isResumed: boolean } | undefined;
  /**
   * The session that it works for, looked up at each use; undefined for an unclaimed prewarmed
   * process.
   */
  live(): LiveSession | undefined;
};

/** The Claude Code options that all sessions share, plus those that the project adds. */
export function createSessionOptions(
  parts: SessionOptionDeps,
  { env, furnishBrowser, root, project, live }: SessionEnvironment,
): Options {
  const { imagesDir, chromium, user, bounds, reader, watchesCost, suggests } = parts;
  const grants = project?.grants ?? noGrants;
  const startBrowser = async (): Promise<BrowserProcess> => {
    const session = live();
    if (!session) throw new Error('No turn is at work.');
    const pictures = path.join(imagesDir, path.basename(session.workspace));
    const browserEnv = await furnishBrowser(pictures);
    return (session.browser = startBrowserProcess({
      command: browserCommand(chromium, pictures),
      workspace: session.workspace,
      env: browserEnv,
      user,
      ...(bounds ? { bounds } : {}),
    }));
  };
  const variables = variablesOf(grants);
  const reads = { user, reader: createWorkspaceReader(user) };
  const hooks = project
    ? projectHooks({ ...project, ...reads, env, variables, tell: (text) => live()?.tell(text) })
    : {};
  const refine = reader && createToolPictures(reader);
  return {
    env: { ...secretVariablesOf(grants), ...env },
    allowDangerouslySkipPermissions: true,
    // A stop ends what the turn does; what runs in the background is ended one by one.
    perTaskStopAffordance: true,
    // They end with the process. schedule_turn outlives it.
    disallowedTools: ['ScheduleWakeup', 'CronCreate', 'CronDelete', 'CronList'],
    canUseTool: createCanUseTool(() => live()?.chat),
    hooks: {
      ...hooks,
      PreToolUse: [
        holdTools(live),
        ...(watchesCost ? [watchCost(live)] : []),
        ...(hooks.PreToolUse ?? []),
      ],
    },
    systemPrompt: { type: 'preset', preset: 'claude_code', append: instructions, snapshot: true },
    ...lockSession({ env, root, grants, workspace: project?.workspace }),
    // Keeps them off the command line, which others on the machine can read.
    mcpServersDelivery: 'initialize',
    mcpServers: {
      ...(project ? serversOf(grants, project.workspace, { ...variables, ...env }) : {}),
      playwright: browserServer(startBrowser, refine),
      whatsapp: chatServer(() => live()?.chat),
    },
    includePartialMessages: true,
    ...(suggests ? { promptSuggestions: true } : {}),
    spawnClaudeCodeProcess: createSpawn(user, bounds),
  };
}
