import { spawn } from 'node:child_process';
import type {
  HookCallback,
  HookInput,
  Options,
  SyncHookJSONOutput,
} from '@anthropic-ai/claude-agent-sdk';
import { z } from 'zod';
import { cut, cutLines } from '../../../shared/runtime/cut.ts';
import { writeExports } from '../sandbox/command-environment.ts';
import { asAgent } from '../sandbox/user.ts';
import type { AgentUser } from '../sandbox/user.ts';
import type { WorkspaceGrants } from './grants.ts';
import type { WorkspaceHookEvent } from './programs.ts';
import type { WorkspaceReader } from './reader.ts';
import { parseJson } from '../../../shared/runtime/json.ts';

export type ProjectHookDeps = {
  grants: WorkspaceGrants;
  workspace: string;
  /** Whether the session resumes an earlier one. */
  isResumed: boolean;
  /** The environment that the worker gives to the hooks' commands. */
  env: Record<string, string>;
  /** The project's approved variables, which change none of `env`. */
  variables: Record<string, string>;
  user: AgentUser | undefined;
  reader: WorkspaceReader;
  /** Sends a message to the chat. */
  tell: (text: string) => void;
};

/**
 * The longest timeout of a hook (ms): settings may only shorten it, and it is well below the
 * watchdog's silence limit.
 */
const longestMs = 60_000;
/** Claude Code's timeout for our callbacks, which end earlier by themselves (seconds). */
const patienceS = longestMs / 1000 + 10;
/** Read limit for a hook's output (bytes). */
const mostOutput = 256 * 1024;

/**
 * The workspace's approved hooks, as callbacks of the SDK: their commands run as the agent, with
 * Claude Code's input on standard input and by its protocol (exit code 2 or `decision: block`
 * forbids, output goes to Claude). Because the callbacks are ours, the hooks in the files stay
 * locked. Before each run the command's files are checked again: a hook that changed since its
 * approval does not run. No hook can allow anything.
 */
export function projectHooks(parts: ProjectHookDeps): NonNullable<Options['hooks']> {
  const hooks: NonNullable<Options['hooks']> = {};
  const tell = tellOnce(parts.tell);
  const beginnings: HookCallback[] = [];
  const source = parts.isResumed ? 'resume' : 'startup';
  for (const program of parts.grants.programs) {
    if (program.kind !== 'hook') continue;
    const { event, matcher, timeoutS } = program.hook;
    const ms = Math.min((timeoutS ?? longestMs / 1000) * 1000, longestMs);
    const callback = createCallback(parts, program, ms, tell);
    (hooks[event] ??= []).push({
      ...(matcher === undefined ? {} : { matcher }),
      timeout: patienceS,
      hooks: [callback],
    });
    if (event === 'SessionStart' && isFor(matcher, source)) beginnings.push(callback);
  }
  if (beginnings.length > 0)
    (hooks.UserPromptSubmit ??= []).unshift({
      timeout: patienceS,
      hooks: [runFirst(beginnings, source)],
    });
  return hooks;
}

/** Whether a SessionStart matcher, which lists sources separated by bars, includes this one. */
const isFor = (matcher: string | undefined, source: string): boolean =>
  ['', '*', source].some((name) =>
    (matcher ?? '')
      .split('|')
      .map((part) => part.trim())
      .includes(name),
  );

/**
 * Claude Code starts its session before it receives callbacks for SessionStart, so those hooks run
 * before the first prompt, which gets their output.
 */
function runFirst(callbacks: HookCallback[], source: 'startup' | 'resume'): HookCallback {
  let hasBegun = false;
  return async (input, id, options) => {
    if (hasBegun) return {};
    hasBegun = true;
    const { session_id, transcript_path, cwd } = input;
    const results = await Promise.all(
      callbacks.map((run) =>
        run(
          { session_id, transcript_path, cwd, hook_event_name: 'SessionStart', source },
          id,
          options,
        ),
      ),
    );
    const outputs = results.filter((result): result is SyncHookJSONOutput => !('async' in result));
    const ending = outputs.find((output) => output.continue === false);
    const words = outputs.flatMap(({ hookSpecificOutput }) =>
      hookSpecificOutput && 'additionalContext' in hookSpecificOutput
        ? (hookSpecificOutput.additionalContext ?? [])
        : [],
    );
    return ending ?? withContext('UserPromptSubmit', words.join('\n'));
  };
}

type HookProgram = Extract<WorkspaceGrants['programs'][number], { kind: 'hook' }>;

function createCallback(
  { reader, ...place }: ProjectHookDeps,
  program: HookProgram,
  ms: number,
  tell: (text: string) => void,
): HookCallback {
  const { event, command } = program.hook;
  const named = `The project's hook for ${event} (${inLine(command)})`;
  return async (input, _id, { signal }) => {
    if ((await reader.digest(place.workspace, program)) !== program.digest) {
      tell(
        `${named} was left out: its file has changed since you said yes. I ask again at your next message.`,
      );
      return {};
    }
    const ran = await runHook({ command, ms }, place, input, signal);
    if (ran.kind === 'too-long') {
      tell(`${named} did not end within ${Math.round(ms / 1000)} s, so I ended it and went on.`);
      return {};
    }
    if (ran.kind === 'failed') {
      tell(`${named} failed, and I went on: ${cutLines(ran.said, 200)}`);
      return {};
    }
    return readHookResult(event, named, ran);
  };
}

/** The result of a hook's command; `code` is null when a signal ended it. */
type HookRun =
  | { kind: 'ended'; code: number | null; output: string; said: string }
  | { kind: 'too-long' }
  | { kind: 'failed'; said: string };

/** A hook's command, and how long it may take (ms). */
type HookCommand = { command: string; ms: number };

/** Where hooks run, and as which user. */
type HookPlace = Pick<ProjectHookDeps, 'workspace' | 'env' | 'variables' | 'user'>;

/**
 * Sets the project's variables where the agent's user runs already. They may load code
 * (`LD_PRELOAD`), which must not run in the programs that give the worker's rights up before.
 */
const setVariables =
  'eval "$SIDEPOCKET_PROJECT_VARIABLES"; unset SIDEPOCKET_PROJECT_VARIABLES; exec /bin/bash -c "$1"';

/**
 * Runs it as the leader of a process group, so that killing the group ends all its foreground
 * processes. Never rejects.
 */
async function runHook(
  { command, ms }: HookCommand,
  { workspace, env, variables, user }: HookPlace,
  input: HookInput,
  signal: AbortSignal,
): Promise<HookRun> {
  const { ANTHROPIC_API_KEY: _key, CLAUDE_CODE_OAUTH_TOKEN: _token, ...rest } = env;
  const shell = { command: '/bin/bash', args: ['-c', setVariables, 'bash', command] };
  const started = asAgent(user, { ...shell, cwd: workspace });
  const own = Object.entries(variables).filter(([name]) => env[name] === undefined);
  const exports = writeExports(Object.fromEntries(own));
  const child = spawn(started.command, started.args, {
    cwd: started.cwd,
    env: { ...rest, CLAUDE_PROJECT_DIR: workspace, SIDEPOCKET_PROJECT_VARIABLES: exports },
    stdio: 'pipe',
    detached: true,
  });
  const output = collect(child.stdout);
  const said = collect(child.stderr);
  child.stdin.on('error', () => undefined);
  child.stdin.end(`${JSON.stringify(input)}\n`);
  const over = Promise.withResolvers<HookRun>();
  const end = (run: HookRun): void => {
    if (child.pid !== undefined) killGroup(child.pid);
    over.resolve(run);
  };
  const timer = setTimeout(() => end({ kind: 'too-long' }), ms);
  const onAbort = (): void => end({ kind: 'failed', said: 'it was interrupted' });
  signal.addEventListener('abort', onAbort, { once: true });
  child.once('error', (error) => over.resolve({ kind: 'failed', said: error.message }));
  // Waits for the exit rather than for the end of the output, which background processes may hold
  // open.
  child.once('exit', (code) =>
    setImmediate(() => over.resolve({ kind: 'ended', code, output: output(), said: said() })),
  );
  try {
    return await over.promise;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

function collect(stream: NodeJS.ReadableStream): () => string {
  const chunks: Buffer[] = [];
  let size = 0;
  stream.on('data', (chunk: Buffer) => {
    if (size < mostOutput) chunks.push(chunk);
    size += chunk.byteLength;
  });
  return () => Buffer.concat(chunks).subarray(0, mostOutput).toString('utf8').trim();
}

/**
 * The fields of a hook's JSON that count. Fields that would allow a call or change its input are
 * left out.
 */
const Printed = z.object({
  continue: z.boolean().optional(),
  stopReason: z.string().optional(),
  decision: z.literal('block').optional().catch(undefined),
  reason: z.string().optional(),
  systemMessage: z.string().optional(),
  hookSpecificOutput: z
    .object({
      additionalContext: z.string().optional(),
      permissionDecision: z.enum(['deny', 'ask']).optional().catch(undefined),
      permissionDecisionReason: z.string().optional(),
    })
    .optional(),
});

/**
 * Claude Code's protocol: 2 forbids, any other non-zero code is an error without effect, and the
 * output is JSON or, at two events, text for Claude.
 */
export function readHookResult(
  event: WorkspaceHookEvent,
  named: string,
  { code, output, said }: { code: number | null; output: string; said: string },
): SyncHookJSONOutput {
  if (code === 2)
    return forbid(event, `${named} stopped this: ${said || output || 'it did not say why'}`);
  if (code !== 0)
    return { systemMessage: `${named} failed with code ${code ?? 'none'}: ${cutLines(said, 500)}` };
  const printed = output.startsWith('{') ? Printed.safeParse(parseJson(output)).data : undefined;
  if (!printed)
    return event === 'SessionStart' || event === 'UserPromptSubmit'
      ? withContext(event, output)
      : {};
  const { decision, reason, stopReason, systemMessage, hookSpecificOutput } = printed;
  if (printed.continue === false)
    return {
      continue: false,
      stopReason: `${named} stopped this: ${stopReason ?? reason ?? 'it did not say why'}`,
    };
  const plain = systemMessage === undefined ? {} : { systemMessage };
  const { additionalContext, permissionDecision, permissionDecisionReason } =
    hookSpecificOutput ?? {};
  if (decision === 'block' || permissionDecision === 'deny')
    return forbid(
      event,
      `${named} stopped this: ${reason ?? permissionDecisionReason ?? 'it did not say why'}`,
    );
  if (event === 'PreToolUse' && permissionDecision === 'ask')
    return { ...plain, hookSpecificOutput: { hookEventName: event, permissionDecision } };
  return { ...plain, ...withContext(event, additionalContext ?? '') };
}

function forbid(event: WorkspaceHookEvent, reason: string): SyncHookJSONOutput {
  if (event === 'PreToolUse')
    return {
      hookSpecificOutput: {
        hookEventName: event,
        permissionDecision: 'deny',
        permissionDecisionReason: reason,
      },
    };
  return event === 'SessionStart' || event === 'PreCompact'
    ? { systemMessage: reason }
    : { decision: 'block', reason };
}

function withContext(event: WorkspaceHookEvent, additionalContext: string): SyncHookJSONOutput {
  if (
    additionalContext === '' ||
    (event !== 'SessionStart' &&
      event !== 'UserPromptSubmit' &&
      event !== 'PostToolUse' &&
      event !== 'PreToolUse')
  )
    return {};
  return { hookSpecificOutput: { hookEventName: event, additionalContext } };
}

/** Sends each text only once. */
function tellOnce(tell: (text: string) => void): (text: string) => void {
  const told = new Set<string>();
  return (text) => {
    if (!told.has(text)) tell(text);
    told.add(text);
  };
}

/** Formats a command for a sentence: on one line, as code, truncated when long. */
const inLine = (command: string): string => `\`${cut(command.replaceAll('`', "'"), 120)}\``;
