import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { Options } from '@anthropic-ai/claude-agent-sdk';
import type { Environment } from '../../shared/env.ts';
import type { Log } from '../../shared/log.ts';
import type { Agent, AgentTurn } from './agent.ts';
import { browserServer } from './browser.ts';
import { chatServer } from './chat-server.ts';
import { workTurn } from './claude-turn.ts';
import { agentEnvironment } from './environment.ts';
import type { AgentSecrets } from './environment.ts';
import { instructions } from './instructions.ts';
import { startLiveSession } from './live-session.ts';
import type { LiveSession } from './live-session.ts';
import { createMark, isOfSession, killMarked, spawnAgent } from './processes.ts';
import { readTranscript } from './transcript.ts';

export type ClaudeOptions = {
  dataDir: string;
  imagesDir: string;
  chromium: string | undefined;
  secrets: AgentSecrets;
  /** The worker's own environment, of which the agent sees a few names. */
  host: Environment;
  /** `WORKER_ID#boot`: a part of the mark on every process. */
  owner: string;
  /** How long the model's service may be in trouble before the turn is given up (ms). */
  modelPatienceMs: number;
  /** How many idle processes are kept for the next message (about 200 MB each), and for how long (ms). */
  maxLive: number;
  idleMs: number;
  log: Log;
};

/** The Agent that is Claude Code, by its SDK: one session a conversation, its process kept between turns. */
export function createClaudeAgent(options: ClaudeOptions): Agent {
  /** Idle processes by conversation, least recently used first. */
  const idle = new Map<string, { live: LiveSession; timer: NodeJS.Timeout }>();
  const working = new Set<LiveSession>();
  let stopped = false;

  const takeIdle = (conversation: string): LiveSession | undefined => {
    const entry = idle.get(conversation);
    if (!entry) return undefined;
    clearTimeout(entry.timer);
    idle.delete(conversation);
    return entry.live;
  };

  const release = async (conversation: string): Promise<void> => {
    await takeIdle(conversation)?.close();
  };

  const keep = async (conversation: string, live: LiveSession): Promise<void> => {
    if (live.ended || stopped) return await live.close();
    idle.set(conversation, { live, timer: setTimeout(() => void release(conversation), options.idleMs).unref() });
    for (const oldest of idle.keys()) {
      if (idle.size <= options.maxLive) break;
      await release(oldest);
    }
  };

  const start = async (turn: AgentTurn): Promise<LiveSession> => {
    const imagesDir = path.join(options.imagesDir, path.basename(turn.workspace));
    const { HOME: home = '', TMPDIR: temporary = '' } = agentEnvironment({}, options.dataDir, {}, '', false);
    await Promise.all([imagesDir, home, temporary].map((directory) => mkdir(directory, { recursive: true })));
    const resumed = turn.session !== undefined && (await readTranscript(turn.session, turn.workspace)).length > 0;
    const id = resumed && turn.session ? turn.session : randomUUID();
    // Another worker's process on this session may have outlived it; two must never work on one.
    if (resumed) await killMarked((other) => isOfSession(other, id, options.dataDir));
    const mark = createMark(options.owner, id, options.dataDir);
    return startLiveSession({ id, mark, resumed }, (tools): Options => ({
      cwd: turn.workspace,
      ...(resumed ? { resume: id } : { sessionId: id }),
      env: agentEnvironment(options.host, options.dataDir, options.secrets, mark, process.getuid?.() === 0),
      ...(options.secrets.ANTHROPIC_MODEL ? { model: options.secrets.ANTHROPIC_MODEL } : {}),
      permissionMode: 'bypassPermissions',
      allowDangerouslySkipPermissions: true,
      systemPrompt: { type: 'preset', preset: 'claude_code', append: instructions, snapshot: true },
      settingSources: ['user', 'project', 'local'],
      mcpServers: { playwright: browserServer(options.chromium, imagesDir), whatsapp: chatServer(tools) },
      mcpServersDelivery: 'initialize',
      includePartialMessages: true,
      spawnClaudeCodeProcess: spawnAgent,
    }));
  };

  return {
    async *work(turn) {
      turn.signal.throwIfAborted();
      let live = takeIdle(turn.conversation);
      if (live && (live.ended || live.id !== turn.session)) {
        await live.close();
        live = undefined;
      }
      live ??= await start(turn);
      working.add(live);
      if (stopped) await live.close();
      let finished = false;
      try {
        yield { kind: 'session', id: live.id };
        yield* workTurn(live, turn, options.modelPatienceMs);
        finished = true;
      } finally {
        working.delete(live);
        live.listen(undefined);
        live.tools = undefined;
        if (finished) await keep(turn.conversation, live);
        else {
          // Interrupted first, it brings its transcript up to date, by which the next turn knows what has arrived.
          if (!live.ended) await live.interrupt();
          await live.close();
        }
      }
    },
    release,
    async stop() {
      stopped = true;
      await Promise.all([...idle.keys()].map(release));
      await Promise.all([...working].map((live) => live.close()));
    },
  };
}
