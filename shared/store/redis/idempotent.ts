import { randomUUID } from 'node:crypto';
import { keys } from './keys.ts';

/** A new key for one call: `functions/idempotent.lua` keeps its reply there. */
export function callKey(): string {
  return keys.call(randomUUID());
}
