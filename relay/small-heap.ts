import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** V8's settings for a small heap. */
export const heapSettings = [
  '--heap-growing-percent=20',
  '--no-parallel-scavenge',
  '--no-concurrent-array-buffer-sweeping',
  '--no-maglev',
] as const;

/** The relay has started by then (ms). */
const startedMs = 300;

/**
 * Keeps the process small with V8 flags: without them V8 lets a busy relay grow to 250 MB before it
 * collects anything. The old space grows by a fifth between collections, which applies from the
 * first collection on, so one runs soon after the start (10 ms). The main thread scavenges the
 * young space by itself, since handing so little to helper threads takes longer; only a flag at the
 * start of Node can set the young space's size (`--max-semi-space-size=4`, in MB; V8 takes the next
 * power of two). With 2 MB a webhook costs a quarter more CPU, for twice as many collections.
 * Maglev, the middle compiler, is off: its code takes 5 to 12 MB, and without it a warm webhook
 * costs the same to within 3 %. Call it after all code is loaded: the heap grows during loading
 * anyway.
 */
export function keepHeapSmall(): void {
  for (const setting of heapSettings) setFlagsFromString(setting);
  const collect = findCollector();
  setTimeout(() => collect('major'), startedMs).unref();
}

/**
 * Runs a minor collection whenever this many bytes of buffers have passed since the last one (0.2
 * to 2 ms). A buffer's content is off-heap and is freed only with its object, and V8 waits for 64
 * MB of it.
 */
export function createYoungCollector(everyBytes: number): (bytes: number) => void {
  let [collect, since]: [ReturnType<typeof findCollector> | undefined, number] = [undefined, 0];
  return (bytes) => {
    since += bytes;
    if (since < everyBytes) return;
    since = 0;
    collect ??= findCollector();
    collect('minor');
  };
}

/**
 * V8's `gc` function. Node exposes it to contexts created after the flag is set, not to the current
 * one. The type is always named: without one, an argument of `undefined` means a minor collection.
 */
function findCollector(): (type: 'major' | 'minor') => void {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  return (type) => {
    if (typeof collect === 'function') collect({ type });
  };
}
