import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** V8's settings for a small heap. */
export const heapSettings = [
  '--heap-growing-percent=20',
  '--no-parallel-scavenge',
  '--no-concurrent-array-buffer-sweeping',
] as const;

/** After this time (ms) the relay has started. */
const startedMs = 300;

/**
 * Keeps the process small, by the engine's own settings: without them V8 lets a busy relay grow to
 * 250 MB before it collects anything. The space for old objects grows by a fifth before it is
 * looked through, which holds from the first collection on, so there is one soon after the start
 * (10 ms). The space for new objects is emptied by the thread that works, since handing so little
 * to others takes longer than doing it; how large that space is can only be said at the start of
 * Node (`--max-semi-space-size=4`, in MB). To be called when all is loaded: while code is loaded
 * the heap grows anyway.
 */
export function keepHeapSmall(): void {
  for (const setting of heapSettings) setFlagsFromString(setting);
  const collect = findCollector();
  setTimeout(() => collect(), startedMs).unref();
}

/**
 * Empties the space for new objects whenever this many bytes of buffers have come by since the last
 * time (0.2 to 2 ms). What a buffer holds is outside of the heap and is freed with its object only,
 * and V8 waits for 64 MB of it.
 */
export function createYoungCollector(everyBytes: number): (bytes: number) => void {
  let [collect, since]: [ReturnType<typeof findCollector> | undefined, number] = [undefined, 0];
  return (bytes) => {
    since += bytes;
    if (since < everyBytes) return;
    since = 0;
    collect ??= findCollector();
    collect({ type: 'minor' });
  };
}

/**
 * The engine's own function. Node gives it to contexts that are made after the setting, not to the
 * one that is there.
 */
function findCollector(): (options?: { type: 'minor' }) => void {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  return (options) => {
    if (typeof collect === 'function') collect(options);
  };
}
