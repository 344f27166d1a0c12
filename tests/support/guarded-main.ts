/**
 * A guarded process for tests of the guard: `spin`, `regex` and `block` freeze its event loop,
 * anything else leaves it alone. Arguments: what to do, a tick in ms, the ticks that end it.
 */
import { guardEventLoop } from '../../shared/runtime/event-loop-guard.ts';
import { createLog } from '../../shared/runtime/log.ts';

const [kind, tickMs, mostTicks] = process.argv.slice(2);
guardEventLoop('guarded', createLog('guarded', 'info'), {
  tickMs: Number(tickMs),
  mostTicks: Number(mostTicks),
});
const freezes: Record<string, () => void> = {
  spin() {
    for (;;);
  },
  regex: () => void /^(a+)+$/.test(`${'a'.repeat(200)}b`),
  block: () => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0),
};
process.stdout.write('begun\n');
setInterval(() => process.stdout.write('.'), 20);
setTimeout(() => freezes[kind ?? '']?.(), 100);
