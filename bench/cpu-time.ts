import { readFileSync, readdirSync } from 'node:fs';

/**
 * The CPU time of all live threads of a process (µs), from Linux's /proc: the first number of
 * `schedstat` is the time on a core in nanoseconds. NaN when there is no such process.
 */
export function cpuMicrosOf(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/task`).reduce(
      (sum, thread) =>
        sum +
        Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ', 1)[0]) /
          1000,
      0,
    );
  } catch {
    return Number.NaN;
  }
}
