import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createAgentFiles } from '../agent/sandbox/files.ts';
import { removeAsAgent } from '../agent/sandbox/shell.ts';
import { runProgram, splitCommand } from './program.ts';
import { checkTranscript, TranscribeProblem, transcribePatience } from './transcribing.ts';
import type { Transcriber } from './transcribing.ts';

/** `command` is a program and its arguments on one line; `environment` is its whole environment. */
export type TranscribeCommand = {
  command: string;
  environment: Record<string, string>;
  patienceMs?: number;
};

/** Output limit (bytes): a transcript is shorter. */
const mostOutput = 1024 * 1024;

/**
 * A transcriber that runs a program on this machine: the path of the sound file replaces `{file}`
 * or comes last, and the program's output is the text. No shell is involved. It gets the sound as
 * WhatsApp sends it, which is Opus in Ogg, in a private directory that is removed afterwards.
 * Program and directory are of the person's user, since strangers may have made the file.
 */
export function createCommandTranscriber({
  command,
  environment,
  patienceMs = transcribePatience,
}: TranscribeCommand): Transcriber {
  const words = splitCommand(command);
  return async ({ bytes, name }, signal, user) => {
    const directory = path.join(tmpdir(), `sidepocket-voice-${randomUUID()}`);
    try {
      const file = path.join(directory, path.basename(name));
      const files = createAgentFiles(user);
      await files.makeDirectories([], [directory]);
      await files.write(file, bytes, 0o600);
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
      await removeAsAgent(user, directory);
    }
  };
}

/** The command's words with the file's path inserted. */
function fill(words: string[], file: string): string[] {
  return words.some((word) => word.includes('{file}'))
    ? words.map((word) => word.replaceAll('{file}', () => file))
    : [...words, file];
}
