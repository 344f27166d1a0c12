import { loadScript } from '../redis/script-file.ts';

/** The notice to a returning person about answers that were parked for RETENTION_DAYS. */
export function tooOldWords(count: number | 'N'): string {
  if (count === 1)
    return 'One answer from a while ago was too old to keep, so I do not have it any more. Please ask me again if you still need it.';
  return `${count} answers from a while ago were too old to keep, so I do not have them any more. Please ask me again if you still need them.`;
}

/**
 * When WhatsApp's 24-hour window is closed, a reply is parked until the person writes. Then this
 * moves what is parked back into the outbox.
 */
export const unparkScript = loadScript(new URL('lua/unpark.lua', import.meta.url), {
  keys: ['parked', 'outbox', 'conversationKey', 'call'],
  args: [
    'replyPrefix',
    'now',
    'conversation',
    'oneTooOld',
    'severalTooOld',
    'nowMs',
    'lifetimeSeconds',
  ],
});
