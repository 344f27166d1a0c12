import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Running } from '../shared/runtime/lifecycle.ts';
import { endWithUs } from '../simulator/child-process.ts';
import { cpuMicrosOf } from './cpu-time.ts';

export type MeasuredOptions = {
  /** The entry point from the project's root, such as `relay/main.ts`. */
  entry: string;
  args?: string[];
  /** Options for Node. */
  flags?: string[];
  environment: Record<string, string>;
  searchPath: string;
  /** Where its output goes, directly; nowhere by default. */
  logFile?: string;
};

/** A process whose resource use is read from Linux's /proc. */
export type MeasuredProcess = Running & {
  pid: number;
  /** The CPU time of all its live threads (µs). */
  cpuMicros(): number;
  /** Its memory now, and its peak (bytes). */
  residentBytes(): number;
  peakBytes(): number;
};

/** Starts one of our processes or of the peers with the same Node. */
export function startMeasured({
  entry,
  args = [],
  flags = [],
  environment,
  searchPath,
  logFile = '/dev/null',
}: MeasuredOptions): MeasuredProcess {
  const output = openSync(logFile, 'a');
  // Not the project's directory: a file .env there is the owner's, for the real thing.
  const child = spawn(
    process.execPath,
    [...flags, path.join(import.meta.dirname, '..', entry), ...args],
    { cwd: '/', env: { PATH: searchPath, ...environment }, stdio: ['ignore', output, output] },
  );
  closeSync(output);
  endWithUs(child);
  const ended = once(child, 'exit');
  const pid = child.pid ?? 0;
  const status = (name: string): number =>
    Number(
      new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(
        readFileSync(`/proc/${pid}/status`, 'utf8'),
      )?.[1] ?? Number.NaN,
    ) * 1024;
  return {
    pid,
    cpuMicros: () => cpuMicrosOf(pid),
    residentBytes: () => status('VmRSS'),
    peakBytes: () => status('VmHWM'),
    async stop() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
      await ended;
    },
  };
}
