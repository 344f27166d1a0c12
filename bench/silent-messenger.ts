import { randomBytes } from 'node:crypto';
import type { Messenger } from '../shared/delivery/messenger.ts';

/**
 * A carrier that accepts everything immediately and does nothing with it, so that only its
 * external services are measured.
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
