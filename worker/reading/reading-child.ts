import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import path from 'node:path';
import { asAgent } from '../agent/sandbox/user.ts';
import type { AgentUser } from '../agent/sandbox/user.ts';
import type { Task } from './answer.ts';
import { decodeFrames, encodeFrame } from './frame.ts';
import type { Frame } from './frame.ts';

/** Resource limits for one child. */
export type ReadingLimits = {
  /** Time limit for a file (ms). */
  patienceMs: number;
  /**
   * CPU time limit (s) including its start, where the system supports it; by default 5 more than
   * its time.
   */
  processorSeconds?: number;
  /**
   * Address space limit (MB), where the system supports it. Node alone has 1,400 MB of it, and does
   * not start below 1,600.
   */
  memoryMb: number;
  /** The file with its code. */
  program: string;
};

/**
 * How a child ended: it closed its output, it used up its time, or something else ended it.
 * `frames` are those complete by then.
 */
export type ReadingEnd = { how: 'closed' | 'time' | 'died'; frames: Frame[]; said: string };

/** A process that reads one file and ends. */
export type ReadingChild = {
  /** Whether it has ended. */
  readonly ended: boolean;
  /** Settles when its code is loaded, or when it ends earlier. */
  ready: Promise<void>;
  /** Settles when it has ended. */
  gone: Promise<void>;
  /**
   * Passes it its one file. Throws the signal's reason after killing the process. `most` limits the
   * answer (bytes).
   */
  read(task: Task, bytes: Buffer, most: number, signal: AbortSignal): Promise<ReadingEnd>;
  kill(): void;
};

/** The child's program. */
export const readingProgram = path.join(import.meta.dirname, 'child.ts');

/**
 * Limits CPU time (s) and address space (KB), and forbids files and core dumps, as far as the
 * system can: limits that the shell cannot set are skipped (macOS has none for address space). The
 * soft CPU limit sends SIGXCPU, which identifies the cause; at the hard limit the kernel kills.
 * Then the program replaces the shell.
 */
const bound =
  '{ ulimit -c 0; ulimit -f 0; ulimit -S -t "$1"; ulimit -H -t "$(($1 + 1))"; ulimit -v "$2"; } 2>/dev/null; shift 2; exec "$@"';
/** CPU time of a start (s), on a slow machine. */
const startSeconds = 5;

/**
 * Starts a child, as the agent's user if there is one, with a minimal environment. It loads its
 * code and then waits for its file, so it can be prewarmed.
 */
export function startReadingChild(
  user: AgentUser | undefined,
  { patienceMs, memoryMb, program, processorSeconds }: ReadingLimits,
): ReadingChild {
  const seconds = processorSeconds ?? Math.ceil(patienceMs / 1000) + startSeconds;
  const node = [process.execPath, '--disable-warning=ExperimentalWarning', program];
  const { command, args } = asAgent(user, {
    command: '/bin/sh',
    args: ['-c', bound, 'sh', String(seconds), String(memoryMb * 1024), ...node],
  });
  const env = { PATH: '/usr/local/bin:/usr/bin:/bin', LANG: 'C.UTF-8' };
  const child = spawn(command, args, { cwd: '/', env, stdio: 'pipe', detached: true });
  const [ready, over, gone] = [
    Promise.withResolvers<void>(),
    Promise.withResolvers<void>(),
    Promise.withResolvers<void>(),
  ];
  const output: Buffer[] = [];
  let said = '';
  let size = 0;
  // A child's ready mark precedes its frames.
  let most = 1;
  let how: ReadingEnd['how'] = 'closed';
  const end = (why: ReadingEnd['how']): void => {
    if (how === 'closed') how = why;
    killGroup(child);
    // A process that it has started could keep its output open.
    over.resolve();
  };
  const kill = (): void => end('died');
  child.stdout.on('data', (chunk: Buffer) => {
    ready.resolve();
    size += chunk.byteLength;
    if (size <= most) output.push(chunk);
    else kill();
  });
  child.stdout.once('close', over.resolve);
  child.stderr.on(
    'data',
    (chunk: Buffer) => (said = `${said}${chunk.toString('utf8')}`.slice(0, 300)),
  );
  // Writing to an ended process fails; its exit tells why.
  child.stdin.on('error', () => undefined);
  child.once('error', (error) => {
    said = error.message;
    gone.resolve();
  });
  child.once('exit', () => gone.resolve());
  void gone.promise.then(ready.resolve);
  return {
    get ended() {
      return child.exitCode !== null || child.signalCode !== null || child.pid === undefined;
    },
    ready: ready.promise,
    gone: gone.promise,
    kill,
    async read(task, bytes, mostBytes, signal) {
      signal.throwIfAborted();
      most = 1 + mostBytes;
      const timer = setTimeout(() => end('time'), patienceMs);
      // Its time starts when it is ready; getting ready has the same limit.
      let isOver = false;
      void ready.promise.then(() => isOver || timer.refresh());
      signal.addEventListener('abort', kill, { once: true });
      try {
        for (const piece of encodeFrame(task, [bytes])) child.stdin.write(piece);
        child.stdin.end();
        await over.promise;
        signal.throwIfAborted();
        const frames = decodeFrames(Buffer.concat(output).subarray(1));
        // The exit tells how it ended; after a complete answer there is no need to wait for it.
        if (frames.length < framesOfAnswer) await gone.promise;
        return { how: child.signalCode === 'SIGXCPU' ? 'time' : how, frames, said };
      } finally {
        isOver = true;
        clearTimeout(timer);
        signal.removeEventListener('abort', kill);
        killGroup(child);
      }
    },
  };
}

/** The kind of file, and its content. */
const framesOfAnswer = 2;

/** Kills the process group that it leads, which includes everything it has started. */
function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}
