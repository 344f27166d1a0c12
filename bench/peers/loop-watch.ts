import { appendFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { isMainThread } from 'node:worker_threads';

/**
 * Loaded into one of our processes with `--import`, it writes every 100 ms the longest delay of the
 * event loop since the last line (ms), and the memory of the process (bytes), into the file in its
 * own address, `loop-watch.ts?file=`. Threads inherit `--import`; they are not watched.
 */
const file = new URL(import.meta.url).searchParams.get('file');

const resolutionMs = 5;
if (isMainThread && file) watch(file);

function watch(to: string): void {
  const delay = monitorEventLoopDelay({ resolution: resolutionMs });
  delay.enable();
  setInterval(() => {
    const line = {
      at: Date.now(),
      maxMs: Math.max(delay.max / 1e6 - resolutionMs, 0),
      residentBytes: process.memoryUsage.rss(),
    };
    delay.reset();
    appendFileSync(to, `${JSON.stringify(line)}\n`);
  }, 100).unref();
}
