import { randomInt } from 'node:crypto';
import { readProcessTable } from '../../worker/agent/sandbox/process-table.ts';

/**
 * A number for a user that no account, no process and no worker on this machine has: what a test
 * does with it touches nothing else.
 */
export function freeUid(): number {
  const used = new Set(readProcessTable().map(({ uid }) => uid));
  for (;;) {
    const uid = 0x60_00_00_00 + randomInt(0x0f_00_00_00);
    if (!used.has(uid)) return uid;
  }
}
