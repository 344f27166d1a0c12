import { execFileSync } from 'node:child_process';
import { constants, openSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { Socket } from 'node:net';
import path from 'node:path';
import { answerFly, emptyFly } from './fake-fly.ts';
import type { FlyState } from './fake-fly.ts';

/**
 * The program: it leaves its call in a directory, says so by a pipe, waits for the answer and ends as that says. A shell does it, since a run makes
 * dozens of calls and a shell starts in milliseconds.
 */
const script = (dir: string): string => `#!/bin/sh
call='${dir}'/calls/$$
mkdir "$call" && mkfifo "$call/code"
printf '%s\\0' "$@" > "$call/argv"
cat > "$call/stdin"
env | sed -n 's/^\\([A-Za-z_][A-Za-z0-9_]*\\)=.*/\\1/p' > "$call/variables"
pwd > "$call/directory"
echo $$ > '${dir}'/requests
read -r code < "$call/code"
cat "$call/stdout"
cat "$call/stderr" >&2
rm -r "$call"
exit "$code"
`;

export type FlyProgram = {
  /** The account; a test reads and changes it. */
  state: FlyState;
  /** The directory to put on the PATH. */
  directory: string;
  stop(): void;
};

/** Puts a program `fly` into a directory of its own below `dir`, answered from an account in this process. */
export async function runFlyProgram(dir: string): Promise<FlyProgram> {
  const [state, directory] = [emptyFly(), path.join(dir, 'bin')];
  await mkdir(directory, { recursive: true });
  await mkdir(path.join(dir, 'calls'));
  execFileSync('mkfifo', [path.join(dir, 'requests')]);
  await writeFile(path.join(directory, 'fly'), script(dir), { mode: 0o755 });
  // Opened for writing as well, the pipe never ends while programs come and go.
  const requests = new Socket({ fd: openSync(path.join(dir, 'requests'), constants.O_RDWR | constants.O_NONBLOCK), readable: true, writable: false });
  requests.on('data', (chunk: Buffer) => {
    for (const call of chunk.toString().split('\n')) if (call) void answer(state, path.join(dir, 'calls', call));
  });
  return { state, directory, stop: () => void requests.destroy() };
}

async function answer(state: FlyState, call: string): Promise<void> {
  const read = async (name: string): Promise<string> => await readFile(path.join(call, name), 'utf8');
  const argv = (await read('argv')).split('\0').slice(0, -1);
  const { code, stdout, stderr } = await answerFly(state, argv, await read('stdin'), (await read('variables')).trim().split('\n'), (await read('directory')).trim());
  await writeFile(path.join(call, 'stdout'), stdout);
  await writeFile(path.join(call, 'stderr'), stderr);
  await writeFile(path.join(call, 'code'), `${code}\n`);
}
