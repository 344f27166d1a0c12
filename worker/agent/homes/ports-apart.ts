import { readFileSync, statSync } from 'node:fs';
import type { UserBlock } from './user-block.ts';

/** Where `people-apart.sh` notes the first user id for which its packet rule holds. */
const note = '/run/sidepocket-ports';

/**
 * Whether a server that runs for one person refuses what runs for another on this machine's own
 * addresses: root has set a packet rule for these ids at this start.
 */
export function arePortsApart({ first }: Pick<UserBlock, 'first'>): boolean {
  try {
    return statSync(note).uid === 0 && readFileSync(note, 'utf8').trim() === String(first);
  } catch {
    return false;
  }
}
