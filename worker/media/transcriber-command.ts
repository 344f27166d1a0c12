import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { AgentUser } from '../agent/sandbox/user.ts';
import { runProgram, splitCommand } from './program.ts';
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
        (
          await runProgram(fill(words, file), {
            environment,
            user,
            mostOutput,
            ended: AbortSignal.any([signal, AbortSignal.timeout(patienceMs)]),
            problem: (why) => new TranscribeProblem(`the transcriber ${why}`),
          })
        ).toString('utf8'),
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
