import { availableParallelism, loadavg } from 'node:os';
import { inject } from 'vitest';

declare module 'vitest' {
  interface ProvidedContext {
    /**
     * How much slower this machine is at the start of the run than the one that the tests'
     * deadlines were written for; at least 1.
     */
    slowness: number;
  }
}

/**
 * Processes that want a core, per core, up to which a machine counts as free: the suite alone makes
 * 2 to 3.
 */
const usualLoad = 3;

/**
 * A deadline (ms) for this machine: as given where it is as fast as usual, longer where it was slow
 * at the start or others keep it busy now.
 */
export function scaled(ms: number): number {
  const busy = (loadavg()[0] ?? 0) / availableParallelism() / usualLoad;
  return Math.ceil(ms * Math.max(inject('slowness'), busy));
}
