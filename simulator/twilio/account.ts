/** The account of this Twilio: the credentials, and the WhatsApp sender's number in E.164. */
export type Account = {
  sid: string;
  authToken: string;
  number: string;
  /** API keys (SK…) and their secrets: they may call the REST API, but they sign nothing. */
  apiKeys: Record<string, string>;
};

/** Twilio's address of a WhatsApp user, by number or user id, or of a sender. */
export function whatsappAddress(number: string): string {
  return `whatsapp:${number}`;
}

/** E.164: a plus, then 7 to 15 digits, the first not zero (ITU-T E.164). */
export const e164Pattern = /^\+[1-9]\d{6,14}$/;

/**
 * A business-scoped user id: ISO country, a dot, `ENT.` for one of several businesses, and up to
 * 128 letters and digits (Meta: "Business-scoped user IDs").
 */
export const userIdPattern = /^[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}$/;
