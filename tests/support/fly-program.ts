import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import path from 'node:path';
import { answerFly, emptyFly } from './fake-fly.ts';
import type { FlyState } from './fake-fly.ts';

/**
 * The program: it hands its call over by a connection, waits for the answer and ends as that says.
 * A run makes dozens of calls, so it is one process: all it does is built into bash. Each field
 * ends with NUL; an empty one ends the call.
 */
const script = (port: number): string => `#!/bin/bash
exec 3<>/dev/tcp/127.0.0.1/${port}
IFS= read -r -d '' stdin
printf '%s\\0' "$PWD" "$stdin" $# "$@" $(compgen -e) '' >&3
IFS= read -r -d '' -u 3 code
IFS= read -r -d '' -u 3 stdout
IFS= read -r -d '' -u 3 stderr
printf '%s' "$stdout"
printf '%s' "$stderr" >&2
exit "$code"
`;

export type FlyProgram = {
  /** The account; a test reads and changes it. */
  state: FlyState;
  /** The directory to put on the PATH. */
  directory: string;
  stop(): Promise<void>;
};

/**
 * Puts a program `fly` into a directory of its own below `dir`, answered from an account in this
 * process.
 */
export async function runFlyProgram(dir: string): Promise<FlyProgram> {
  const [state, directory] = [emptyFly(), path.join(dir, 'bin')];
  const server = createServer((socket) => void answer(state, socket));
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  await mkdir(directory, { recursive: true });
  await writeFile(path.join(directory, 'fly'), script((server.address() as AddressInfo).port), {
    mode: 0o755,
  });
  return {
    state,
    directory,
    stop: async () => await new Promise<void>((resolve) => void server.close(() => resolve())),
  };
}

async function answer(state: FlyState, socket: Socket): Promise<void> {
  const [directory = '', stdin = '', count = '', ...words] = await readCall(socket);
  const argv = words.slice(0, Number(count));
  const { code, stdout, stderr } = await answerFly(
    state,
    argv,
    stdin,
    words.slice(argv.length),
    directory,
  );
  socket.end([code, stdout, stderr, ''].join('\0'));
}

/**
 * Reads the fields of a call: the directory, the standard input, how many arguments there are,
 * those, and the variables' names.
 */
async function readCall(socket: Socket): Promise<string[]> {
  let text = '';
  for await (const chunk of socket.setEncoding('utf8').iterator({ destroyOnReturn: false })) {
    text += String(chunk);
    const [, , count] = text.split('\0', 3);
    const fields = text.split('\0');
    // The last field of all is empty, and no variable is.
    if (fields.at(-1) === '' && fields.at(-2) === '' && fields.length > 4 + Number(count))
      return fields.slice(0, -2);
  }
  throw new Error('fly ended before its call was complete');
}
