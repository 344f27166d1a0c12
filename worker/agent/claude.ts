import { randomUUID } from 'node:crypto';
import path from 'node:path';
import type { Options } from '@anthropic-ai/claude-agent-sdk';
import type { Agent, AgentTurn } from './agent.ts';
import { createAgentHome } from './agent-home.ts';
import type { AgentHomeOptions } from './agent-home.ts';
import { browserServer } from './browser.ts';
import { chatServer } from './chat-server.ts';
import { workTurn } from './claude-turn.ts';
import { watchCost } from './cost-watch.ts';
import { createIdleSessions } from './idle-sessions.ts';
import { instructions } from './instructions.ts';
import { startLiveSession } from './live-session.ts';
import type { LiveSession, Settings } from './live-session.ts';
import { claudeModes, createCanUseTool } from './permissions.ts';
import { createMark, createSpawn, isOfSession, killMarked } from './processes.ts';

export type ClaudeOptions = AgentHomeOptions & {
  imagesDir: string;
  chromium: string | undefined;
  /** `WORKER_ID#boot`: a part of the mark on every process. */
  owner: string;
  /** How long the model's service may be in trouble before the turn is given up (ms). */
  modelPatienceMs: number;
  /** Whether a turn is asked, before each tool call, if it may go on at its cost. */
  watchesCost?: boolean;
  /** How many idle processes are kept for the next message (about 200 MB each), and for how long (ms). */
  maxLive: number;
  idleMs: number;
};

/** The Agent that is Claude Code, by its SDK: one session a conversation, its process kept between turns. */
export function createClaudeAgent(options: ClaudeOptions): Agent {
  const idle = createIdleSessions(options);
  const working = new Set<LiveSession>();
  const home = createAgentHome(options);
  let stopped = false;

  const settingsOf = (turn: AgentTurn): Settings => ({ model: turn.model ?? options.secrets.ANTHROPIC_MODEL, permissions: claudeModes[turn.permissions] });

  const start = async (turn: AgentTurn): Promise<LiveSession> => {
    const imagesDir = path.join(options.imagesDir, path.basename(turn.workspace));
    const resumed = turn.session !== undefined && (await home.transcript(turn.session, turn.workspace)).length > 0;
    const id = resumed && turn.session ? turn.session : randomUUID();
    // Another worker's process on this session may have outlived it; two must never work on one.
    if (resumed) await killMarked((other) => isOfSession(other, id, options.dataDir), { user: options.user });
    const mark = createMark(options.owner, id, options.dataDir);
    const settings = settingsOf(turn);
    const env = await home.furnish(mark, [imagesDir]);
    return startLiveSession({ id, mark, user: options.user, resumed, settings, transcript: (session) => home.transcript(session, turn.workspace) }, (live): Options => ({
      cwd: turn.workspace,
      ...(resumed ? { resume: id } : { sessionId: id }),
      env,
      ...(settings.model ? { model: settings.model } : {}),
      permissionMode: settings.permissions,
      allowDangerouslySkipPermissions: true,
      allowedTools: ['mcp__whatsapp'],
      canUseTool: createCanUseTool(() => live().tools),
      ...(options.watchesCost ? { hooks: { PreToolUse: [watchCost(live)] } } : {}),
      systemPrompt: { type: 'preset', preset: 'claude_code', append: instructions, snapshot: true },
      settingSources: ['user', 'project', 'local'],
      mcpServers: { playwright: browserServer(options.chromium, imagesDir), whatsapp: chatServer(() => live().tools) },
      mcpServersDelivery: 'initialize',
      includePartialMessages: true,
      spawnClaudeCodeProcess: createSpawn(options.user),
    }));
  };

  return {
    async *work(turn) {
      turn.signal.throwIfAborted();
      let live = idle.take(turn.conversation);
      if (live && (live.ended || live.id !== turn.session)) {
        await live.close();
        live = undefined;
      }
      const isNew = live === undefined;
      live ??= await start(turn);
      working.add(live);
      if (stopped) await live.close();
      let finished = false;
      try {
        yield { kind: 'session', id: live.id };
        if (!isNew) await live.configure(settingsOf(turn));
        if (options.watchesCost) live.costBefore = (await live.cost()) ?? 0;
        yield* workTurn(live, turn, options.modelPatienceMs);
        finished = true;
      } finally {
        working.delete(live);
        live.listen(undefined);
        live.tools = undefined;
        if (finished) await idle.keep(turn.conversation, live);
        else {
          // Interrupted first, it brings its transcript up to date, by which the next turn knows what has arrived.
          if (!live.ended) await live.interrupt();
          await live.close();
        }
      }
    },
    release: idle.release,
    async stop() {
      stopped = true;
      await idle.stop();
      await Promise.all([...working].map((live) => live.close()));
      await home.close();
    },
  };
}
