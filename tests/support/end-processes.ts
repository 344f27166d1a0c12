import type { ChildProcess } from 'node:child_process';
import { subscribe } from 'node:diagnostics_channel';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll } from 'vitest';

/** How long a process may take to end by itself (ms): a worker takes its Claude with it. */
const patience = 10_000;

const isAlive = ({ exitCode, signalCode, pid }: ChildProcess): boolean =>
  pid !== undefined && exitCode === null && signalCode === null;

/** Sends a signal to a process, and to its group where it leads one. */
function signal({ pid }: ChildProcess, name: NodeJS.Signals): void {
  for (const target of [-(pid ?? 0), pid ?? 0]) {
    try {
      if (target !== 0) process.kill(target, name);
    } catch {
      // It leads no group, or has ended meanwhile.
    }
  }
}

/** Notes every process that this one starts, whatever starts it, and ends them with it. */
function watchStarts(): Set<ChildProcess> {
  const running = new Set<ChildProcess>();
  subscribe('child_process', (message) => {
    const child = (message as { process: ChildProcess }).process;
    running.add(child);
    child
      .once('exit', () => running.delete(child))
      .once('error', () => isAlive(child) || running.delete(child));
  });
  const killAll = (): void =>
    [...running].filter(isAlive).forEach((child) => signal(child, 'SIGKILL'));
  const end = (): void => {
    killAll();
    process.kill(process.pid, 'SIGKILL');
  };
  process.on('exit', killAll);
  // So Vitest ends its workers, and so they hear that Vitest itself was ended: without these
  // handlers there would be no `exit`.
  process.on('SIGTERM', end);
  process.on('disconnect', end);
  return running;
}

// This file is loaded for each test file, and the processes of a worker are noted once.
const name = Symbol.for('sidepocket: processes that tests have started');
const known: unknown = Reflect.get(globalThis, name);
const started = known instanceof Set ? (known as Set<ChildProcess>) : watchStarts();
Reflect.set(globalThis, name, started);

/**
 * Ends what the tests of a file have started and left running, as those do that fail: softly at
 * first. Returns how many processes that were.
 */
export async function endStarted(): Promise<number> {
  const left = [...started].filter(isAlive);
  for (const child of left) signal(child, 'SIGTERM');
  for (let waited = 0; left.some(isAlive) && waited < patience; waited += 20) await wait(20);
  for (const child of left.filter(isAlive)) signal(child, 'SIGKILL');
  while (left.some(isAlive)) await wait(20);
  return left.length;
}

afterAll(async () => void (await endStarted()));
