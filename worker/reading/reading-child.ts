import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import path from 'node:path';
import { asAgent } from '../agent/sandbox/user.ts';
import type { AgentUser } from '../agent/sandbox/user.ts';
import type { Task } from './answer.ts';
import { decodeFrames, encodeFrame } from './frame.ts';
import type { Frame } from './frame.ts';

/** What one child may take. */
export type ReadingLimits = {
  /** How long it may work on a file (ms). */
  patienceMs: number;
  /**
   * What it may use of the processor (s), its start included, where the system can bound it; by
   * default 5 more than its time.
   */
  processorSeconds?: number;
  /**
   * Its address space (MB), where the system can bound it. Node alone has 1,400 MB of it, and does
   * not start below 1,600.
   */
  memoryMb: number;
  /** Its code (a file). */
  program: string;
};

/**
 * How a child ended: it closed its output, it used up its time, or something else ended it.
 * `frames` are those that were whole by then.
 */
export type ReadingEnd = { how: 'closed' | 'time' | 'died'; frames: Frame[]; said: string };

/** A process that reads one file and ends. */
export type ReadingChild = {
  /** Whether it has ended already. */
  readonly ended: boolean;
  /** Settles when its code is loaded, or it has ended before. */
  ready: Promise<void>;
  /** Settles when it has ended. */
  gone: Promise<void>;
  /**
   * Gives it its one file. Throws the signal's reason; the process has been killed then. `most` is
   * how much it may answer (bytes).
   */
  read(task: Task, bytes: Buffer, most: number, signal: AbortSignal): Promise<ReadingEnd>;
  kill(): void;
};

/** What reads files. */
export const readingProgram = path.join(import.meta.dirname, 'child.ts');

/**
 * Bounds processor time (s) and address space (KB), and forbids files and core dumps, as far as the
 * system can: what the shell cannot bound stays as it was (macOS bounds no address space). The
 * first bound of the time is SIGXCPU, which says why; at the second the system kills. Then the
 * program takes the shell's place.
 */
const bound =
  '{ ulimit -c 0; ulimit -f 0; ulimit -S -t "$1"; ulimit -H -t "$(($1 + 1))"; ulimit -v "$2"; } 2>/dev/null; shift 2; exec "$@"';
/** What a start takes of the processor (s), on a slow machine. */
const startSeconds = 5;

/**
 * Starts a child, as the agent's user where there is one, with an environment that holds nothing.
 * It loads what it needs and then waits for its file, so that it can be started before there is
 * one.
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
  // The mark of a child that is ready comes before its frames.
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
  // One that has ended already takes no input; how it ended tells why.
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
      // Its time begins when it is ready; for that it has as much once more.
      let isOver = false;
      void ready.promise.then(() => isOver || timer.refresh());
      signal.addEventListener('abort', kill, { once: true });
      try {
        for (const piece of encodeFrame(task, [bytes])) child.stdin.write(piece);
        child.stdin.end();
        await over.promise;
        signal.throwIfAborted();
        const frames = decodeFrames(Buffer.concat(output).subarray(1));
        // How it ended is seen by its end; one that has said all may take its time.
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

/** What kind of file it is, and what there is to it. */
export const framesOfAnswer = 2;

/** It leads a group of its own, as everything does that it may have started. */
function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}
