import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { asAgent } from '../agent/sandbox/user.ts';
import type { AgentUser } from '../agent/sandbox/user.ts';

/**
 * `environment` is the program's whole environment, `user` the user it runs as, `input` its
 * standard input, `mostOutput` the most it may write (bytes). `problem` makes the error for a
 * clause such as “failed”.
 */
export type ProgramRun = {
  environment: Record<string, string>;
  user: AgentUser | undefined;
  input?: string;
  mostOutput: number;
  ended: AbortSignal;
  problem: (why: string) => Error;
};

/** The host variables that such a program needs; the secrets stay out. */
const passedOn = ['PATH', 'HOME', 'LANG', 'LC_ALL', 'TMPDIR', 'LD_LIBRARY_PATH'];

/** The environment for such a program, from the worker's own. */
export function programEnvironment(
  host: Record<string, string | undefined>,
): Record<string, string> {
  return Object.fromEntries(
    passedOn.flatMap((name): [string, string][] =>
      host[name] === undefined ? [] : [[name, host[name]]],
    ),
  );
}

/**
 * Runs a program and returns its output. Rejects with a problem; when `ended` is aborted, kills the
 * program and all it has started.
 */
export async function runProgram(
  [program = '', ...words]: string[],
  { environment, user, input, mostOutput, ended, problem }: ProgramRun,
): Promise<Buffer> {
  const { command, args } = asAgent(user, { command: program, args: words });
  const child = spawn(command, args, {
    env: environment,
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'ignore'],
    detached: true,
  });
  // A program that does not read its input closes it; its exit code says how it went.
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(input);
  const end = (): void => endGroup(child);
  ended.addEventListener('abort', end, { once: true });
  if (ended.aborted) end();
  try {
    return await output(child, mostOutput, problem);
  } catch (error) {
    throw ended.aborted ? problem('took too long') : error;
  } finally {
    ended.removeEventListener('abort', end);
  }
}

/** Splits a command line into words. Single or double quotation marks keep blanks together. */
export function splitCommand(command: string): string[] {
  return [...command.matchAll(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g)].map(([word]) =>
    word.replaceAll(
      /"([^"]*)"|'([^']*)'/g,
      (_, double?: string, single?: string) => double ?? single ?? '',
    ),
  );
}

/** The program's output until it ends. Rejects when it cannot be started or fails. */
async function output(
  child: ChildProcess,
  most: number,
  problem: ProgramRun['problem'],
): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let size = 0;
  child.stdout?.on('data', (piece: Buffer) => {
    size += piece.byteLength;
    if (size <= most) pieces.push(piece);
    else endGroup(child);
  });
  return await new Promise((resolve, reject) => {
    child.once('error', () => reject(problem('could not be started')));
    child.once('close', (code) =>
      code === 0 ? resolve(Buffer.concat(pieces)) : reject(problem('failed')),
    );
  });
}

/** Kills the program and all it has started: it leads a process group, which may outlive it. */
function endGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // The last of them has just ended by itself.
  }
}
