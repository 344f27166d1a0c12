import { createHash } from 'node:crypto';
import type { UUID } from 'node:crypto';

/**
 * The uuid under which a message goes to Claude Code. Deterministic, so the transcript tells
 * whether the message has arrived (RFC 9562, version 8: custom bits).
 */
export function promptId(messageId: string): UUID {
  const hex = createHash('sha256').update(`sidepocket:${messageId}`).digest('hex');
  const variant = ((Number.parseInt(hex.slice(16, 18), 16) & 0x3f) | 0x80)
    .toString(16)
    .padStart(2, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(18, 20)}-${hex.slice(20, 32)}`;
}
