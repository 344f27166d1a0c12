import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { variables } from '../shared/runtime/env.ts';
import { SetupError } from '../shared/runtime/errors.ts';

export type FlyCall = {
  /** Written to its standard input: the only way to pass a secret. */
  input?: string;
  /** Forwards fly's output while it runs. Never for a command whose output holds a secret. */
  show?: boolean;
};

/**
 * Fly's command line. Contract: `run` returns standard output or throws FlyFailure, or SetupError
 * when fly is not installed.
 */
export type Fly = { run(args: string[], call?: FlyCall): Promise<string> };

/** A fly command failed; the message is fly's own output, which never contains a secret of ours. */
export class FlyFailure extends Error {
  override name = 'FlyFailure';
}

/** fly is not on the PATH. */
class FlyMissing extends SetupError {
  override name = 'FlyMissing';
}

const install =
  'Fly’s command line is not installed: see https://fly.io/docs/flyctl/install/ (macOS: brew install flyctl; Linux: curl -L https://fly.io/install.sh | sh), then run again.';

/**
 * @param environment the environment that fly gets; our own variables are removed, so that no
 * secret is in another process's environment.
 * @param directory the working directory: images are built from there.
 * @param write receives the output of a call with `show`.
 */
export function createFly(
  environment: Record<string, string | undefined>,
  directory: string,
  write: (text: string) => void,
): Fly {
  const own = new Set(Object.keys(variables));
  const env = {
    ...Object.fromEntries(Object.entries(environment).filter(([name]) => !own.has(name))),
    NO_COLOR: '1',
  };
  const attempt = async (command: string, args: string[], call: FlyCall): Promise<string> => {
    const child = spawn(command, args, { cwd: directory, env, stdio: ['pipe', 'pipe', 'pipe'] });
    return await collect(child, args, call, write);
  };
  return {
    async run(args, call = {}) {
      for (const command of ['fly', 'flyctl']) {
        try {
          return await attempt(command, args, call);
        } catch (error) {
          if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
        }
      }
      throw new FlyMissing(install);
    },
  };
}

async function collect(
  child: ChildProcess,
  args: string[],
  call: FlyCall,
  write: (text: string) => void,
): Promise<string> {
  const text = { out: '', err: '' };
  const take = (which: 'out' | 'err') => (chunk: Buffer) => {
    text[which] += chunk.toString();
    if (call.show) write(chunk.toString());
  };
  child.stdout?.on('data', take('out'));
  child.stderr?.on('data', take('err'));
  // If fly exits without reading its input, the pipe breaks; its exit and output are the actual
  // error.
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(call.input ?? '');
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code === 0) return text.out;
  throw new FlyFailure(
    `${formatCommand(args)} failed: ${lastLines(text.err || text.out) || `it ended with ${code ?? 'a signal'}`}`,
  );
}

function lastLines(text: string): string {
  return text.trim().split('\n').slice(-5).join('\n');
}

/** Formats a fly command as typed in a shell. */
export function formatCommand(args: readonly string[]): string {
  return [
    'fly',
    ...args.map((arg) =>
      /^[\w@%+=:,./-]+$/.test(arg) ? arg : `'${arg.replaceAll("'", String.raw`'\''`)}'`,
    ),
  ].join(' ');
}
