import { inject } from 'vitest';

declare module 'vitest' {
  interface ProvidedContext {
    /** How much slower this machine is at the start of the run than the one that the tests' deadlines were written for; at least 1. */
    slowness: number;
  }
}

/** A deadline (ms) for this machine: as given where it is as fast as usual, longer where it is slower or busy. */
export function scaled(ms: number): number {
  return Math.ceil(ms * inject('slowness'));
}
