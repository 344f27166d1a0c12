/**
 * How Twilio is to call the relay: 2 s to connect, 4 s for the answer, three more tries after a 5xx
 * or no answer, all within Twilio's 15 s
 * (https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides). Without it Twilio
 * tries again only when it could not connect.
 */
const overrides = '#ct=2000&rt=4000&rc=3&rp=5xx,ct,rt';

/** Twilio's number for everybody's WhatsApp sandbox; its webhook can be set in the console only. */
export const sandboxNumber = '+14155238886';

/** Where the sandbox's webhook is set. */
export const sandboxSettings =
  'https://console.twilio.com/us1/develop/sms/try-it-out/whatsapp-learn (tab “Sandbox settings”)';

export type WebhookAddresses = { webhook: string; status: string };

/**
 * The addresses that the WhatsApp sender is to call, for a relay that the world reaches at
 * `publicUrl` (no slash at its end).
 */
export function webhookAddresses(publicUrl: string): WebhookAddresses {
  return { webhook: `${publicUrl}/webhook${overrides}`, status: `${publicUrl}/webhook/status` };
}

/** Whether a configured address leads to this relay, whatever its fragment says. */
export function leadsTo(configured: string, publicUrl: string): boolean {
  return configured.split('#')[0] === `${publicUrl}/webhook`;
}
