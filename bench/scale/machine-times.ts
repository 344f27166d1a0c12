import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';

/** What the kernel has counted of all cores together (ticks): in all, and without work. */
export type MachineTimes = { all: number; idle: number; at: number };

/** Reads the times of all cores, from Linux's /proc; NaN elsewhere. */
export function machineTimes(): MachineTimes {
  const at = performance.now();
  try {
    return { ...parseTimes(readFileSync('/proc/stat', 'utf8')), at };
  } catch {
    return { all: Number.NaN, idle: Number.NaN, at };
  }
}

/** The first line of `/proc/stat`: idle and waiting for a disk are without work (proc(5)). */
export function parseTimes(stat: string): { all: number; idle: number } {
  const [, ...times] = (stat.split('\n', 1)[0] ?? '').split(/\s+/);
  // Guests are counted in `user` already.
  const ticks = times.slice(0, 8).map(Number);
  return {
    all: ticks.reduce((sum, value) => sum + value, 0),
    idle: (ticks[3] ?? Number.NaN) + (ticks[4] ?? Number.NaN),
  };
}

/**
 * The part of the machine's cores (0 to 1) that was in use between two looks, and that
 * `micros` of CPU time took of them.
 */
export function shareOf(
  { before, after }: { before: MachineTimes; after: MachineTimes },
  micros: number,
  cores = cpus().length,
): { ours: number; machine: number } {
  return {
    ours: micros / 1000 / ((after.at - before.at) * cores),
    machine: 1 - (after.idle - before.idle) / (after.all - before.all),
  };
}
