/**
 * Twilio's error codes a phone can meet (https://www.twilio.com/docs/api/errors), in plain words.
 */
const sentences: Record<number, string> = {
  30008: 'the carrier gave no reason',
  63003: 'the number is not on WhatsApp',
  63005: 'the channel refused the content',
  63015: 'the number has not joined the sandbox',
  63016: 'the 24-hour window is closed, only templates get through',
  63018: 'too many messages in a short time',
  63019: 'the file could not be downloaded',
  63021: 'the file is not what its type says',
  63024: 'the recipient is not valid',
  63034: 'the picture is larger than 5 MB',
};

/** Why a message failed, for the line under it. */
export function failureSentence(errorCode: number | undefined): string {
  if (errorCode === undefined) return 'Not delivered';
  const reason = sentences[errorCode];
  return reason
    ? `Not delivered: ${reason} (${errorCode})`
    : `Not delivered: Twilio error ${errorCode}`;
}
