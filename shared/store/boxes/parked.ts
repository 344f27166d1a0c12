import { loadScript } from '../redis/script-file.ts';

/** The notice to a returning person about answers that were parked for RETENTION_DAYS. */
export function tooOldWords(count: number | 'N'): string {
  if (count === 1)
    return 'One answer from a while ago was too old to keep, so I do not have it any more. Please ask me again if you still need it.';
  return `${count} answers from a while ago were too old to keep, so I do not have them any more. Please ask me again if you still need them.`;
}

export const unparkScript = loadScript(new URL('lua/unpark.lua', import.meta.url), {
  keys: ['parked', 'outbox', 'conversationKey', 'call'],
  args: ['replyPrefix', 'now', 'conversation', 'oneTooOld', 'severalTooOld'],
});
