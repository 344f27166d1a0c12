import { randomBytes } from 'node:crypto';
import type { Messenger } from '../shared/delivery/messenger.ts';

/**
 * A carrier that takes everything at once and does nothing with it, so that only what is around it
 * is measured.
 */
export function createSilentMessenger(): Messenger {
  return {
    send: async () => ({ sid: `SM${randomBytes(16).toString('hex')}` }),
    find: async () => [],
    showTyping: async () => undefined,
    received: async function* () {},
    undelivered: async function* () {},
  };
}
