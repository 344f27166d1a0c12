/**
 * Twilio's settings for calling the relay: 2 s to connect, 4 s for the answer, three retries after
 * a 5xx or no answer, all within Twilio's 15 s
 * (https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides). By default Twilio
 * retries only when it could not connect.
 */
const overrides = '#ct=2000&rt=4000&rc=3&rp=5xx,ct,rt';

/**
 * The number of Twilio's WhatsApp sandbox, shared by all accounts; only the console can set its
 * webhook.
 */
export const sandboxNumber = '+14155238886';

/** The console page of the sandbox's webhook. */
export const sandboxSettings =
  'https://console.twilio.com/us1/develop/sms/try-it-out/whatsapp-learn (tab “Sandbox settings”)';

export type WebhookAddresses = { webhook: string; status: string };

/**
 * The webhook addresses for the WhatsApp sender, given the relay's `publicUrl` (no trailing slash).
 */
export function webhookAddresses(publicUrl: string): WebhookAddresses {
  return { webhook: `${publicUrl}/webhook${overrides}`, status: `${publicUrl}/webhook/status` };
}

/** Whether a configured address leads to this relay, ignoring its fragment. */
export function leadsTo(configured: string, publicUrl: string): boolean {
  return configured.split('#')[0] === `${publicUrl}/webhook`;
}
