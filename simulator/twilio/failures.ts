/**
 * The failures of a message after Twilio accepted it with a 201: Twilio's code and the sentence of
 * its error page (https://www.twilio.com/docs/api/errors), which goes into `ChannelStatusMessage`
 * and `error_message`.
 */
const failures: Record<number, string> = {
  30003: 'Unreachable destination handset',
  30005: 'Unknown destination handset',
  30008: 'Unknown error',
  63005: 'Channel did not accept given content',
  63013: 'Channel policy violation',
  63015: 'Channel Sandbox can only send messages to phone numbers that have joined the Sandbox',
  63016: 'Failed to send freeform message because you are outside the allowed window.',
  63018: 'Rate limit exceeded for Channel',
  63019: 'Media failed to download',
  63021: 'Channel invalid content error',
  63024: 'Invalid message recipient',
  63034: 'Media exceeds size limit',
  63051: 'Whatsapp business account is locked',
};

/**
 * @returns Twilio's sentence for a failure code; a general one for a code the table does not have.
 */
export function failureText(code: number): string {
  return failures[code] ?? `The message could not be delivered (error ${code})`;
}

/**
 * @returns how a message with this code ends. Codes 30000 to 30999 come from the carrier after the
 * message was sent (`undelivered`); the channel's own refusals come before it (`failed`).
 */
export function failureStatus(code: number): 'failed' | 'undelivered' {
  return code >= 30_000 && code < 31_000 ? 'undelivered' : 'failed';
}
