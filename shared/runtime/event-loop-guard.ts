import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { url as inspectorUrl } from 'node:inspector';
import path from 'node:path';
import type { Log } from './log.ts';

/** The guard's tick (ms), and how many ticks in a row without progress end the process. */
export type GuardTimes = { tickMs: number; mostTicks: number };
export const guardTimes: GuardTimes = { tickMs: 1000, mostTicks: 30 };

export type Guard = { stop(): void };

/** A guard that exited is restarted after this time (ms). */
const againMs = 10_000;

const script = path.join(import.meta.dirname, 'event-loop-guard.sh');

/**
 * Ends this process by SIGKILL, with a log line, when its event loop has made no progress for
 * `mostTicks` ticks. The guard is a bash process that uses 0.3 MB of its own: a Node thread takes
 * 10 MB of this process (measured). It pauses while this process is stopped or being debugged, and
 * starts over after the machine was suspended. `name` is the process's in the log; `tickMs` is a
 * multiple of 1000 if bash is older than version 4 (macOS). Never throws: without bash the process
 * runs unguarded, and the log says so.
 */
export function guardEventLoop(
  name: string,
  log: Log,
  { tickMs, mostTicks }: GuardTimes = guardTimes,
): Guard {
  let guard: ChildProcess | undefined;
  let again: NodeJS.Timeout | undefined;
  let stopped = false;
  if (process.pid === 1)
    log.warn(
      'the event loop guard cannot kill pid 1: run the container with an init (docker run --init)',
    );

  const beat = (): void => {
    const input = guard?.stdin;
    if (input?.writable && !input.writableNeedDrain)
      input.write(inspectorUrl() === undefined ? '+' : '-');
  };
  const start = (): void => {
    const args = [script, process.pid, tickMs / 1000, mostTicks, name].map(String);
    const child = spawn('bash', args, {
      stdio: ['pipe', 'inherit', 'ignore'],
      env: { LC_ALL: 'C' },
    });
    guard = child;
    const onEnd = (reason: string): void => {
      if (stopped || guard !== child) return;
      guard = undefined;
      log.warn({ reason }, 'event loop guard exited');
      again = setTimeout(start, againMs).unref();
    };
    child.on('error', (error) => onEnd(error.message));
    child.on('exit', (code, signal) => onEnd(`it exited with ${signal ?? code}`));
    // The exit handler detects a guard that has ended.
    child.stdin.on('error', () => undefined);
    // Neither keeps the process running.
    child.unref();
    if ('unref' in child.stdin && typeof child.stdin.unref === 'function') child.stdin.unref();
    beat();
  };
  start();
  const beating = setInterval(beat, tickMs).unref();
  return {
    stop() {
      stopped = true;
      clearInterval(beating);
      clearTimeout(again);
      guard?.stdin?.end();
    },
  };
}
