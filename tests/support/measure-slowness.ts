import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/**
 * What is measured: processes that start, and work as the suite's do, as many at a time as test
 * files run.
 */
const processes = 4;
const work =
  "const { createHash } = require('node:crypto'); let hash = Buffer.alloc(64); for (let i = 0; i < 60000; i += 1) hash = createHash('sha512').update(hash).digest();";

/**
 * How long that takes on two idle cores of the usual speed (ms): the median of ten runs on the
 * machine where the suite's budget of five minutes was measured.
 */
const usualMs = 700;

/**
 * The longest that a deadline is stretched: on a machine that is slower still, tests would take
 * hours to say what they miss.
 */
const most = 12;

/** Measures how much slower this machine is now than the usual one: at least 1, at most 12. */
export async function measureSlowness(): Promise<number> {
  const start = performance.now();
  await Promise.all(
    Array.from({ length: processes }, () => promisify(execFile)(process.execPath, ['-e', work])),
  );
  return Math.min(Math.max((performance.now() - start) / usualMs, 1), most);
}
