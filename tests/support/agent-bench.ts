import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { getSessionMessages } from '@anthropic-ai/claude-agent-sdk';
import { z } from 'zod';
import { createLog } from '../../shared/runtime/log.ts';
import { createModelPrices } from '../../shared/runtime/model-prices.ts';
import { createModelRequests } from '../../shared/store/money/model-requests.ts';
import { connectRedis } from '../../shared/store/redis/redis.ts';
import { runRedisServer } from '../../simulator/redis-server.ts';
import { runScriptedModel } from '../../simulator/model/scripted-model.ts';
import type { ScriptedModel, ScriptedModelOptions } from '../../simulator/model/scripted-model.ts';
import type { Agent, AgentEvent, ChatTools, Prompt } from '../../worker/agent/agent.ts';
import type { Effort, PermissionMode } from '../../worker/agent/settings.ts';
import { createAsyncQueue } from '../../worker/agent/async-queue.ts';
import { createClaudeAgent } from '../../worker/agent/claude/agent.ts';
import type {
  ClaudeOptions,
  PoolOptions,
  ProcessOptions,
  SessionOptions,
} from '../../worker/agent/claude/agent.ts';
import { createAgentUsers } from '../../worker/agent/homes/agent-users.ts';
import type { Home } from '../../worker/agent/homes/home.ts';
import { claudeDirectory } from '../../worker/agent/sandbox/environment.ts';
import { findMarked } from '../../worker/agent/sandbox/processes.ts';
import type { AgentUser } from '../../worker/agent/sandbox/user.ts';
import { scaled } from './machine-speed.ts';
import type { WorkspaceGrants } from '../../worker/agent/workspace/grants.ts';

export type Answered = Extract<AgentEvent, { kind: 'answer' }>;

/** What a turn is asked to do; a prompt given as a text gets an id of its own. */
export type Asking = {
  conversation?: string;
  session?: string | undefined;
  prompts?: (string | Prompt)[];
  /** `all` unless said otherwise. */
  permissions?: PermissionMode;
  /** Answers what needs leave; yes unless said otherwise. */
  approve?: ChatTools['approve'];
  grants?: WorkspaceGrants;
  effort?: Effort;
  model?: string;
  onSuggestion?: (suggestion: string) => void;
  /** Leaves the prompts open for more. */
  open?: boolean;
};

/** A turn at work: what it has said so far, and how to push and end it. */
export type RunningTurn = {
  events: AgentEvent[];
  answers: () => Answered[];
  /** The session as the turn named it; undefined before that. */
  session: () => string | undefined;
  push(prompt: string | Prompt): Prompt;
  close(): void;
  abort(reason: unknown): void;
  /** Ends when the turn has ended; never rejects. Gives what the turn threw. */
  ended: Promise<unknown>;
};

/** What went to the person's chat, in order. */
export type Sent = { path: string; caption: string | undefined } | { text: string; callId: string };

/** Starts a turn and reads its events to the end. */
export function startTurn(
  agent: Agent,
  workspace: string,
  {
    conversation = '+15551230001',
    session,
    prompts = [],
    open = false,
    permissions = 'all',
    approve,
    grants,
    effort,
    model,
    onSuggestion,
  }: Asking,
  sent: Sent[] = [],
): RunningTurn {
  const events: AgentEvent[] = [];
  const channel = createAsyncQueue<Prompt>();
  const control = new AbortController();
  const push = (prompt: string | Prompt): Prompt => {
    const whole =
      typeof prompt === 'string' ? { id: `SM${crypto.randomUUID()}`, text: prompt } : prompt;
    channel.push(whole);
    return whole;
  };
  for (const prompt of prompts) push(prompt);
  if (!open) channel.close();
  const read = async (): Promise<unknown> => {
    try {
      const tools = { ...recordingTools(sent), ...(approve ? { approve } : {}) };
      const turn = {
        id: `turn-${crypto.randomUUID()}`,
        conversation,
        home: homeAround(workspace),
        workspace,
        session,
        prompts: channel,
        tools,
        permissions,
        model,
        effort,
        onSuggestion,
        signal: control.signal,
        ...(grants ? { grants } : {}),
      };
      for await (const event of agent.work(turn)) events.push(event);
      return undefined;
    } catch (error) {
      return error;
    }
  };
  return {
    events,
    answers: () => events.filter((event) => event.kind === 'answer'),
    session: () => events.find((event) => event.kind === 'session')?.id,
    push,
    close: channel.close,
    abort: (reason) => control.abort(reason),
    ended: read(),
  };
}

/** The home whose directory the bench or the test has made around a workspace. */
export function homeAround(workspace: string, user?: AgentUser): Home {
  const directory = path.dirname(path.dirname(workspace));
  return {
    person: 'somebody',
    user,
    directory,
    images: path.join(directory, 'images'),
    temporary: path.join(directory, 'tmp'),
  };
}

function recordingTools(sent: Sent[]): ChatTools {
  return {
    async sendFile({ path, caption }) {
      sent.push({ path, caption });
      return 'Sent.';
    },
    async sendMessage({ text, callId }) {
      sent.push({ text, callId });
      return 'Sent.';
    },
    async say({ id, text }) {
      sent.push({ text, callId: id });
    },
    scheduleTurn: async () => 'Scheduled.',
    listSchedules: async () => 'Nothing is scheduled.',
    cancelSchedule: async () => 'Cancelled.',
    ask: async (questions) => questions.map(({ options }) => options[0]?.label ?? ''),
    approve: async () => 'yes',
    decidePlan: async () => ({ go: { edits: false } }),
    mayGoOn: async () => true,
  };
}

/**
 * The parent of a process, the second field after the name in brackets (proc_pid_stat(5));
 * undefined when the process is gone.
 */
async function parentOf(pid: number): Promise<number | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  return stat === undefined
    ? undefined
    : Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}

/** A user entry whose content is a text and not a tool's result. */
const Said = z.object({ content: z.string() });

/** The real Claude Code behind the Agent interface, with a scripted model. */
export type ClaudeAgentBench = {
  agent: Agent;
  model: ScriptedModel;
  dataDir: string;
  /** The first part of the mark on every process of this bench. */
  owner: string;
  /** A conversation's working directory; it is made when it is not there. */
  workspace(name: string): Promise<string>;
  /** The ids of the living processes, or of those of one session. */
  processes(session?: string): Promise<number[]>;
  /** The ids of the Claude Code processes themselves, without what they have started. */
  leaders(): Promise<number[]>;
  /** The texts of the user entries of a session's transcript. */
  userTexts(session: string, workspace: string): Promise<string[]>;
  /** Ends everything; processes that are left over are an error. */
  stop(): Promise<void>;
};

export type ClaudeAgentBenchOptions = Partial<
  Omit<ClaudeOptions, 'session' | 'processes' | 'pool'> &
    SessionOptions &
    ProcessOptions &
    PoolOptions
> & {
  model?: ScriptedModelOptions;
  /** The user of everybody's processes; the test's own unless given. */
  user?: AgentUser;
};

/**
 * Opens a scripted model and an agent in a directory of their own. One bench at a time in a
 * process: the SDK's reader of transcripts looks where `CLAUDE_CONFIG_DIR` of this process says.
 */
export async function openClaudeAgent({
  model: modelOptions,
  secrets,
  user,
  chromium,
  reader,
  suggests = false,
  modelPatienceMs = scaled(30_000),
  groups,
  maxProcesses,
  memoryEvents,
  maxLive = 3,
  idleMs = 60_000,
  prewarmMs,
  ...options
}: ClaudeAgentBenchOptions = {}): Promise<ClaudeAgentBench> {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'sidepocket-agent-'));
  const model = await runScriptedModel({ quiet: true, ...modelOptions });
  const redisServer = await runRedisServer({ dir: path.join(dataDir, 'redis') });
  const redis = connectRedis(redisServer.url, 'patient', createLog('test', 'silent'));
  const owner = `test-${path.basename(dataDir)}#1`;
  process.env['CLAUDE_CONFIG_DIR'] = claudeDirectory(dataDir);
  const claude = createClaudeAgent({
    dataDir,
    users: user && createAgentUsers(user, undefined),
    session: {
      chromium,
      reader,
      suggests,
      modelPatienceMs,
    },
    processes: { groups, maxProcesses, memoryEvents },
    pool: { maxLive, idleMs, prewarmMs },
    secrets: { ANTHROPIC_API_KEY: 'scripted', ANTHROPIC_BASE_URL: model.url, ...secrets },
    environment: { host: process.env },
    accounting: {
      requests: createModelRequests(redis),
      prices: createModelPrices(),
      limits: { turn: undefined, day: undefined },
    },
    owner,
    log: createLog('test', 'silent'),
    ...options,
  });
  // A home of one's own for each test, as a turn would have it.
  const agent: Agent = {
    ...claude,
    work: (turn) => claude.work({ ...turn, home: { ...turn.home, user } }),
  };
  const processes = async (session = ''): Promise<number[]> =>
    (await findMarked())
      .filter(({ mark }) => mark.startsWith(`${owner}/${session}`))
      .map(({ pid }) => pid);
  return {
    agent,
    model,
    dataDir,
    owner,
    async workspace(name) {
      const directory = path.join(dataDir, 'workspaces', name);
      await mkdir(directory, { recursive: true });
      return directory;
    },
    processes,
    async leaders() {
      const pids = await processes();
      const parents = await Promise.all(pids.map(parentOf));
      return pids.filter((_, index) => parents[index] === process.pid);
    },
    async userTexts(session, workspace) {
      const messages = await getSessionMessages(session, { dir: workspace });
      return messages
        .filter(({ type }) => type === 'user')
        .map(({ message }) => Said.safeParse(message).data?.content ?? '');
    },
    async stop() {
      await agent.stop();
      await model.stop();
      redis.disconnect();
      await redisServer.stop();
      const left = await processes();
      await rm(dataDir, { recursive: true, force: true, maxRetries: 5 });
      if (left.length > 0) throw new Error(`left running: ${left.join(', ')}`);
    },
  };
}
