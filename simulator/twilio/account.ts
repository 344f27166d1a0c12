/** Whose Twilio this is: the credentials, and the WhatsApp sender's number in E.164. */
export type Account = {
  sid: string;
  authToken: string;
  number: string;
  /** API keys (SK…) and their secrets: they may call the REST API, but they sign nothing. */
  apiKeys: Record<string, string>;
};

/** Twilio's address of a WhatsApp user or sender. */
export function whatsappAddress(number: string): string {
  return `whatsapp:${number}`;
}

/** E.164: a plus, then 7 to 15 digits, the first not zero (ITU-T E.164). */
export const E164 = /^\+[1-9]\d{6,14}$/;
