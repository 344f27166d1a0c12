import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import path from 'node:path';
import { compiledDirectory } from '../shared/runtime/compile-cache.ts';
import type { Running } from '../shared/runtime/lifecycle.ts';

/**
 * One of the product's own processes, run as in production: only its entry point and its
 * environment.
 */
export type Child = Running & {
  process: ChildProcess;
  /** Settles with how the process ended. */
  exited: Promise<Ended>;
  /** What it said last about why it ends; '' when it said nothing. */
  reason(): string;
};

export type Ended = { code: number | null; signal: NodeJS.Signals | null };

export type ChildOptions = {
  /** The entry point, such as `relay/main.ts`. */
  entry: string;
  /** The whole environment besides PATH. */
  environment: Record<string, string>;
  searchPath: string;
  /** Where its output goes; it is appended. */
  logFile: string;
};

/** The running children of this process: none outlives a process that must exit immediately. */
const started = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of started) child.kill('SIGKILL');
});

/** Ends the child with this process, for every end of this one except SIGKILL. */
export function endWithUs(child: ChildProcess): void {
  started.add(child);
  child.once('close', () => started.delete(child));
}

/**
 * Starts the process. It has a process group of its own, so that Ctrl-C in the terminal reaches it
 * once, through `stop`.
 */
export function startChild({ entry, environment, searchPath, logFile }: ChildOptions): Child {
  const root = path.join(import.meta.dirname, '..');
  const child = spawn(process.execPath, [path.join(root, entry)], {
    // Not the project's directory: a file .env there is the owner's, for the real thing.
    cwd: path.dirname(logFile),
    // As in the image, Node keeps its compiled code from the first line on.
    env: { PATH: searchPath, NODE_COMPILE_CACHE: compiledDirectory, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  endWithUs(child);
  const log = createWriteStream(logFile, { flags: 'a' });
  child.stdout.pipe(log, { end: false });
  child.stderr.pipe(log, { end: false });
  const said = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (said.stdout = tail(said.stdout + String(chunk))));
  child.stderr.on('data', (chunk: Buffer) => (said.stderr = tail(said.stderr + String(chunk))));
  const exited = new Promise<Ended>((resolve) => {
    child.once('close', (code, signal) => {
      log.end();
      resolve({ code, signal });
    });
  });
  return {
    process: child,
    exited,
    reason: () => said.stderr.trim() || fatalMessage(said.stdout),
    async stop() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
      await exited;
    },
  };
}

/** The last lines of an output, which is enough for a reason. */
function tail(output: string): string {
  return output.slice(-4000);
}

/** The message of the last fatal line of a log; '' without one. */
function fatalMessage(log: string): string {
  const last = log.split('\n').findLast((line) => line.startsWith('{"level":"fatal"'));
  return last === undefined ? '' : (/"msg":"((?:[^"\\]|\\.)*)"/.exec(last)?.[1] ?? '');
}

/**
 * The end of a process in a sentence for the terminal, with its reason and where the rest stands.
 */
export function formatEnd(
  name: string,
  { code, signal }: Ended,
  { reason, logFile }: { reason: string; logFile: string },
): string {
  const how = signal ?? `exit code ${code}`;
  return [
    `The ${name} has ended (${how}).`,
    ...(reason ? [reason] : []),
    `Its log: ${logFile}`,
  ].join('\n');
}

/**
 * How long a process may take to be ready (ms). As root a worker copies its programs first, which
 * took more than 30 s beside a load of 20 on two cores.
 */
const patienceMs = 120_000;

/**
 * Waits up to two minutes until an address answers 200, or the process ends first. Otherwise ends
 * the process and throws, naming the log file; the signal's reason when that is aborted.
 */
export async function untilReady(
  child: Child,
  url: string,
  logFile: string,
  signal?: AbortSignal,
): Promise<void> {
  const hasEnded = (): boolean =>
    child.process.exitCode !== null || child.process.signalCode !== null;
  const isEnded = (): boolean => signal?.aborted ?? false;
  const deadline = Date.now() + patienceMs;
  while (Date.now() < deadline && !hasEnded() && !isEnded()) {
    const response = await fetch(url).catch(() => undefined);
    if (response?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const ended = hasEnded();
  child.process.kill('SIGKILL');
  signal?.throwIfAborted();
  throw new Error(
    `${url} does not answer${ended ? ': its process has ended' : ''}. See ${logFile}`,
  );
}
