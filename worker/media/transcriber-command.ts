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
 * `command` is a program and its arguments as one line; `environment` is all that it sees of the
 * worker's; `user` is whom it runs as, since it reads what strangers may have made: the agent,
 * where that is another than the worker.
 */
export type TranscribeCommand = {
  command: string;
  environment: Record<string, string>;
  user?: AgentUser | undefined;
  patienceMs?: number;
};

/** More than this (bytes) is no transcript. */
const mostOutput = 1024 * 1024;

/**
 * A transcriber that runs a program on this machine: the path of a file with the sound takes the
 * place of `{file}` or comes last, and what the program prints is the text. No shell is involved.
 * It gets the sound as WhatsApp sends it, which is Opus in Ogg, in a directory that nobody else can
 * write to and that goes when it is done.
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

/** The command's words with the file's path in its place. */
function fill(words: string[], file: string): string[] {
  return words.some((word) => word.includes('{file}'))
    ? words.map((word) => word.replaceAll('{file}', () => file))
    : [...words, file];
}

/**
 * Runs a program and returns what it prints. Rejects with TranscribeProblem; when `ended` is
 * aborted, it and all it has started is ended.
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

/** The words of a command line. Quotation marks, single or double, hold blanks together. */
export function splitCommand(command: string): string[] {
  return [...command.matchAll(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g)].map(([word]) =>
    word.replaceAll(
      /"([^"]*)"|'([^']*)'/g,
      (_, double?: string, single?: string) => double ?? single ?? '',
    ),
  );
}

/**
 * What the program prints until it ends. Rejects with TranscribeProblem when it cannot be started
 * or does not end well.
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

/**
 * Ends the program with all that it has started: it leads a group of its own, which may outlive it.
 */
function endGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // The last of them has ended by itself a moment ago.
  }
}
