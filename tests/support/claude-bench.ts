import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSdkMcpServer, query, tool } from '@anthropic-ai/claude-agent-sdk';
import type {
  McpServerConfig,
  Query,
  SDKMessage,
  SDKResultMessage,
  SDKUserMessage,
} from '@anthropic-ai/claude-agent-sdk';
import { z } from 'zod';
import {
  runScriptedModel,
  type ScriptedModel,
  type ScriptedModelOptions,
} from '../../simulator/model/scripted-model.ts';

/** What the agent sent to the person: files and texts, in order. */
export type Sent = { path: string; caption: string | undefined } | { text: string };

/** A live session of the real Claude Code whose model is scripted. */
export type ClaudeSession = {
  query: Query;
  messages: SDKMessage[];
  sent: Sent[];
  /** Kills the process as a crash of the machine would. */
  kill(): void;
  send(content: SDKUserMessage['message']['content']): void;
  /**
   * Waits for the next message that `matches`, counted from the last one that was waited for;
   * throws when the session ends first.
   */
  next<Found extends SDKMessage>(
    matches: (message: SDKMessage) => message is Found,
  ): Promise<Found>;
  /** Sends a text and gives the words of the result. */
  ask(content: SDKUserMessage['message']['content']): Promise<string>;
  /** Closes the input and waits for the process; the session's failure, if any, is returned. */
  end(): Promise<unknown>;
};

export type ClaudeBench = {
  model: ScriptedModel;
  /** The agent's working directory. */
  cwd: string;
  home: string;
  open(options?: {
    resume?: string;
    mcpServers?: Record<string, McpServerConfig>;
    env?: Record<string, string>;
    answers?: string;
  }): ClaudeSession;
};

export const isResult = (message: SDKMessage): message is SDKResultMessage =>
  message.type === 'result';

/**
 * Runs a scripted model and sessions of Claude Code in a directory of their own for as long as
 * `use` takes.
 */
export async function withClaude(
  use: (bench: ClaudeBench) => Promise<void>,
  options: ScriptedModelOptions = {},
): Promise<void> {
  const home = await mkdtemp(join(tmpdir(), 'sidepocket-claude-'));
  const cwd = join(home, 'work');
  await mkdir(cwd);
  const model = await runScriptedModel({ quiet: true, ...options });
  const sessions: ClaudeSession[] = [];
  try {
    await use({
      model,
      cwd,
      home,
      open(more = {}) {
        const session = openSession({ url: model.url, home, cwd, ...more });
        sessions.push(session);
        return session;
      },
    });
  } finally {
    await Promise.all(sessions.map((session) => session.end()));
    await model.stop();
    await rm(home, { recursive: true, force: true, maxRetries: 5 });
  }
}

type SessionOptions = { url: string; home: string; cwd: string } & NonNullable<
  Parameters<ClaudeBench['open']>[0]
>;

function openSession({
  url,
  home,
  cwd,
  resume,
  mcpServers = {},
  env = {},
  answers = '',
}: SessionOptions): ClaudeSession {
  const input = createInput();
  const sent: Sent[] = [];
  let child: ChildProcess | undefined;
  const running = query({
    prompt: input.messages(),
    options: {
      cwd,
      ...(resume === undefined ? {} : { resume }),
      env: { ...childEnvironment(url, home), ...env },
      permissionMode: 'bypassPermissions',
      allowDangerouslySkipPermissions: true,
      settingSources: [],
      mcpServers: { whatsapp: createWhatsapp(sent), ...mcpServers },
      mcpServersDelivery: 'initialize',
      canUseTool: async (_name, asked) => ({
        behavior: 'allow',
        updatedInput: { ...asked, answers: chooseAnswers(asked, answers) },
      }),
      spawnClaudeCodeProcess: ({ command, args, cwd, env, signal }) => {
        const started = spawn(command, args, {
          cwd,
          env,
          signal,
          stdio: ['pipe', 'pipe', 'ignore'],
        });
        child = started;
        return started;
      },
    },
  });
  const { messages, next, finished } = collect(running);
  return {
    query: running,
    messages,
    sent,
    kill: () => void child?.kill('SIGKILL'),
    send: input.push,
    next,
    async ask(content) {
      input.push(content);
      const result = await next(isResult);
      return result.subtype === 'success' ? result.result : result.errors.join('\n');
    },
    async end() {
      input.close();
      const failure = await finished;
      if (child && child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL');
        await once(child, 'exit');
      }
      return failure;
    },
  };
}

/** Reads a session to its end; `finished` gives its failure, if any. */
function collect(
  running: Query,
): Pick<ClaudeSession, 'messages' | 'next'> & { finished: Promise<unknown> } {
  const messages: SDKMessage[] = [];
  const changes = new EventTarget();
  let seen = 0;
  let over = false;
  const read = async (): Promise<unknown> => {
    try {
      for await (const message of running) {
        messages.push(message);
        changes.dispatchEvent(new Event('change'));
      }
      return undefined;
    } catch (error) {
      return error;
    } finally {
      over = true;
      changes.dispatchEvent(new Event('change'));
    }
  };
  const finished = read();
  async function next<Found extends SDKMessage>(
    matches: (message: SDKMessage) => message is Found,
  ): Promise<Found> {
    for (;;) {
      while (seen < messages.length) {
        const message = messages[seen];
        seen += 1;
        if (message && matches(message)) return message;
      }
      if (over) throw new Error(`The session ended first: ${String(await finished)}`);
      await new Promise((resolve) => changes.addEventListener('change', resolve, { once: true }));
    }
  }
  return { messages, next, finished };
}

function childEnvironment(url: string, home: string): Record<string, string> {
  return {
    PATH: process.env.PATH ?? '',
    HOME: home,
    TMPDIR: home,
    CLAUDE_CONFIG_DIR: join(home, '.claude'),
    ANTHROPIC_BASE_URL: url,
    ANTHROPIC_API_KEY: 'scripted',
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    IS_SANDBOX: '1',
    DISABLE_AUTOUPDATER: '1',
  };
}

function createInput() {
  const waiting: (SDKUserMessage | null)[] = [];
  let wake = () => {};
  const add = (message: SDKUserMessage | null) => {
    waiting.push(message);
    wake();
  };
  return {
    push: (content: SDKUserMessage['message']['content']) =>
      add({ type: 'user', message: { role: 'user', content }, parent_tool_use_id: null }),
    close: () => add(null),
    async *messages(): AsyncGenerator<SDKUserMessage> {
      for (;;) {
        const message = waiting.shift();
        if (message === null) return;
        if (message) yield message;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    },
  };
}

function createWhatsapp(sent: Sent[]) {
  const done = { content: [{ type: 'text' as const, text: 'Sent.' }] };
  return createSdkMcpServer({
    name: 'whatsapp',
    version: '1.0.0',
    tools: [
      tool(
        'send_file',
        'Sends a file.',
        { path: z.string(), caption: z.string().optional() },
        async ({ path, caption }) => {
          sent.push({ path, caption });
          return done;
        },
      ),
      tool('send_message', 'Sends a text.', { text: z.string() }, async ({ text }) => {
        sent.push({ text });
        return done;
      }),
    ],
  });
}

/** Every question of AskUserQuestion answered with the same label. */
function chooseAnswers(input: Record<string, unknown>, label: string): Record<string, string> {
  const { questions } = z
    .object({ questions: z.array(z.object({ question: z.string() })) })
    .parse(input);
  return Object.fromEntries(questions.map(({ question }) => [question, label]));
}
