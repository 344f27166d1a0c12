import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';
import { asAgent } from '../agent/sandbox/user.ts';
import type { AgentUser } from '../agent/sandbox/user.ts';

/** A command of a person's: with their rights, an empty environment and the lowest priority. */
export type PersonsCommand = { user: AgentUser | undefined; command: string[] };

export type PersonsProcess = {
  child: ChildProcess;
  /**
   * The exit code, and the last lines of what it complained about. Rejects when it cannot start.
   */
  ended: Promise<{ code: number | null; said: string }>;
};

/** How many chunks of error output are kept. */
const mostSaid = 200;

/** Gives way to everything else on the machine, also on the disk where that can be said. */
const yielding = 'command -v ionice > /dev/null && exec ionice -c 3 "$@"; exec "$@"';

/**
 * Starts a command for a person; an abort kills it. `input` is a pipe, nothing, or the output of
 * another process, which must have been started in the same step of the event loop.
 */
export function startAsPerson(
  { user, command }: PersonsCommand,
  input: 'pipe' | 'ignore' | Readable,
  signal?: AbortSignal,
): PersonsProcess {
  const asked = asAgent(user, {
    command: 'nice',
    args: ['-n', '19', 'sh', '-c', yielding, 'sh', ...command],
  });
  const child = spawn(asked.command, asked.args, {
    cwd: '/',
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C' },
    stdio: [input, 'pipe', 'pipe'],
  });
  // Only the command reads it: when it ends, who writes learns of it.
  if (typeof input !== 'string') input.destroy();
  const said: Buffer[] = [];
  child.stderr?.on('data', (chunk: Buffer) => {
    said.push(chunk);
    if (said.length > mostSaid) said.shift();
  });
  // Writing to an ended process fails; its exit code tells why.
  child.stdin?.on('error', () => undefined);
  const kill = (): void => void child.kill('SIGKILL');
  if (signal?.aborted) kill();
  signal?.addEventListener('abort', kill, { once: true });
  const ended = (async () => {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    }).finally(() => signal?.removeEventListener('abort', kill));
    return { code, said: Buffer.concat(said).toString('latin1').trim() };
  })();
  ended.catch(() => undefined);
  return { child, ended };
}
