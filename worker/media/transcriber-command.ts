import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { asAgent } from '../agent/sandbox/user.ts';
import type { AgentUser } from '../agent/sandbox/user.ts';
import { checkTranscript, TranscribeProblem, transcribePatience } from './transcribing.ts';
import type { Transcriber } from './transcribing.ts';

/**
 * `command` is a program and its arguments on one line; `environment` is its whole environment;
 * `user` is the user it runs as, since it reads files that strangers may have made: the agent's,
 * where that differs from the worker's.
 */
export type TranscribeCommand = {
  command: string;
  environment: Record<string, string>;
  user?: AgentUser | undefined;
  patienceMs?: number;
};

/** Output limit (bytes): a transcript is shorter. */
const mostOutput = 1024 * 1024;

/**
 * A transcriber that runs a program on this machine: the path of the sound file replaces `{file}`
 * or comes last, and the program's output is the text. No shell is involved. It gets the sound as
 * WhatsApp sends it, which is Opus in Ogg, in a private directory that is removed afterwards.
 */
export function createCommandTranscriber({
  command,
  environment,
  user,
  patienceMs = transcribePatience,
}: TranscribeCommand): Transcriber {
  const words = splitCommand(command);
  return async ({ bytes, name }, signal) => {
    const directory = await mkdtemp(path.join(tmpdir(), 'sidepocket-voice-'));
    try {
      const file = path.join(directory, path.basename(name));
      await writeFile(file, bytes, { mode: user ? 0o644 : 0o600 });
      if (user) await chmod(directory, 0o711);
      return checkTranscript(
        await run(
          fill(words, file),
          { environment, user },
          AbortSignal.any([signal, AbortSignal.timeout(patienceMs)]),
        ),
      );
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  };
}

/** The command's words with the file's path inserted. */
function fill(words: string[], file: string): string[] {
  return words.some((word) => word.includes('{file}'))
    ? words.map((word) => word.replaceAll('{file}', () => file))
    : [...words, file];
}

/**
 * Runs a program and returns its output. Rejects with TranscribeProblem; when `ended` is aborted,
 * kills the program and all it has started.
 */
async function run(
  [program = '', ...words]: string[],
  { environment, user }: Pick<TranscribeCommand, 'environment' | 'user'>,
  ended: AbortSignal,
): Promise<string> {
  const { command, args } = asAgent(user, { command: program, args: words });
  const child = spawn(command, args, {
    env: environment,
    stdio: ['ignore', 'pipe', 'ignore'],
    detached: true,
  });
  const end = (): void => endGroup(child);
  ended.addEventListener('abort', end, { once: true });
  if (ended.aborted) end();
  try {
    return await output(child);
  } catch (error) {
    throw ended.aborted ? new TranscribeProblem('the transcriber took too long') : error;
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

/**
 * The program's output until it ends. Rejects with TranscribeProblem when it cannot be started or
 * fails.
 */
async function output(child: ChildProcess): Promise<string> {
  const pieces: Buffer[] = [];
  let size = 0;
  child.stdout?.on('data', (piece: Buffer) => {
    size += piece.byteLength;
    if (size <= mostOutput) pieces.push(piece);
    else endGroup(child);
  });
  return await new Promise((resolve, reject) => {
    child.once('error', () =>
      reject(new TranscribeProblem('the transcriber could not be started')),
    );
    child.once('close', (code) =>
      code === 0
        ? resolve(Buffer.concat(pieces).toString('utf8'))
        : reject(new TranscribeProblem('the transcriber failed')),
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
