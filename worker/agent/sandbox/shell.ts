import { spawn } from 'node:child_process';
import { head } from '../../../shared/runtime/cut.ts';
import { asAgent } from './user.ts';
import type { AgentUser, Command } from './user.ts';

/**
 * Timeout for a shell script (ms). Only a special file, swapped in at the wrong moment, makes one
 * take longer.
 */
const patience = 30_000;
/** Timeout for a script that goes through all files of the agent, once (ms). */
export const longPatience = 60 * 60_000;

/** Output limit (bytes), since the agent may have put anything into the files that are read. */
const mostOutput = 64 * 2 ** 20;

/** A script's exit code (`null` when it was killed), its output and its error output. */
export type ShellResult = { code: number | null; output: Buffer; said: string };

/**
 * Runs a shell script with the rights of the agent's user and an empty environment. `parameters`
 * are `$1` and so on, and are never parsed as shell. Throws when it cannot start, for example
 * without util-linux's `setpriv`, and when it writes more than 64 MB.
 */
export async function runAsAgent(
  user: AgentUser,
  script: string,
  parameters: string[],
  input?: Buffer,
): Promise<ShellResult> {
  return await run(
    asAgent(user, { command: 'sh', args: ['-c', script, 'sh', ...parameters] }),
    input,
  );
}

/**
 * Like runAsAgent, but runs as the worker when the agent has no user of its own; `timeout` is half
 * a minute unless given (ms).
 */
export async function runAsAgentOrOwn(
  user: AgentUser | undefined,
  script: string,
  parameters: string[],
  timeout = patience,
  input?: Buffer,
): Promise<ShellResult> {
  const shell = { command: 'sh', args: ['-c', script, 'sh', ...parameters] };
  return await run(asAgent(user, shell), input, timeout);
}

/** Removes a directory with the rights of the agent's user, who may own what is in it. */
export async function removeAsAgent(user: AgentUser | undefined, directory: string): Promise<void> {
  await runAsAgentOrOwn(user, 'rm -rf -- "$1"', [directory]);
}

/** Runs a shell script as the worker itself. Throws when it fails. */
export async function runAsWorker(script: string, parameters: string[]): Promise<void> {
  const { code, said } = await run(
    { command: 'sh', args: ['-c', script, 'sh', ...parameters] },
    undefined,
    longPatience,
  );
  if (code !== 0) throw new Error(said);
}

async function run(
  { command, args }: Command,
  input?: Buffer,
  timeout = patience,
): Promise<ShellResult> {
  const child = spawn(command, args, {
    cwd: '/',
    env: { PATH: '/usr/local/bin:/usr/bin:/bin' },
    stdio: 'pipe',
    timeout,
    killSignal: 'SIGKILL',
  });
  const output: Buffer[] = [];
  const said: Buffer[] = [];
  let size = 0;
  const keepIn =
    (kept: Buffer[]) =>
    (chunk: Buffer): void => {
      size += chunk.byteLength;
      if (size <= mostOutput) kept.push(chunk);
      else child.kill('SIGKILL');
    };
  child.stdout.on('data', keepIn(output));
  child.stderr.on('data', keepIn(said));
  // Writing to an ended process fails; its exit code tells why.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (size > mostOutput)
    throw new Error(`more than ${mostOutput / 2 ** 20} MB came from a line of shell`);
  return {
    code,
    output: Buffer.concat(output),
    said: head(Buffer.concat(said).toString('utf8').trim(), 300),
  };
}
