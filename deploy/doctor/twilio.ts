import { TwilioRefused } from '../twilio-account.ts';
import type { TwilioAccount, WhatsappSender } from '../twilio-account.ts';
import { leadsTo, sandboxNumber, sandboxSettings, webhookAddresses } from '../webhook-address.ts';
import { judgeClock } from './clock.ts';
import { ok, problem, unchecked } from './finding.ts';
import type { Finding } from './finding.ts';

const about = 'Twilio';
const sendersPage = 'https://console.twilio.com/us1/develop/sms/senders/whatsapp-senders';

/**
 * Checks the credentials, the number, and the webhook addresses. @param publicUrl undefined when
 * unknown.
 */
export async function checkTwilio(
  twilio: TwilioAccount,
  number: string | undefined,
  publicUrl: string | undefined,
): Promise<Finding[]> {
  try {
    const { state, aheadMs } = await twilio.look();
    const account =
      state === 'active'
        ? ok(about, 'the credentials are good')
        : problem(about, `the account is ${state}`, 'See console.twilio.com.');
    return [account, judgeClock(about, aheadMs), ...(await checkNumber(twilio, number, publicUrl))];
  } catch (error) {
    if (!(error instanceof TwilioRefused)) throw error;
    if (error.status === 401)
      return [
        problem(
          about,
          'the credentials are not accepted',
          'Copy TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN anew from console.twilio.com.',
        ),
      ];
    return [
      problem(
        about,
        error.message,
        'Check the network; https://status.twilio.com shows Twilio’s own troubles.',
      ),
    ];
  }
}

async function checkNumber(
  twilio: TwilioAccount,
  number: string | undefined,
  publicUrl: string | undefined,
): Promise<Finding[]> {
  if (number === undefined)
    return [unchecked('WhatsApp number', 'TWILIO_WHATSAPP_NUMBER is missing')];
  if (number === sandboxNumber) {
    const wanted =
      publicUrl === undefined
        ? ''
        : `; its webhook should be ${webhookAddresses(publicUrl).webhook}`;
    return [
      unchecked(
        'WhatsApp number',
        `Twilio’s sandbox, whose settings no program can read${wanted} (${sandboxSettings})`,
      ),
    ];
  }
  const sender = await twilio.findSender(number);
  if (!sender)
    return [
      problem(
        'WhatsApp number',
        'the account has no WhatsApp sender with this number',
        `Register it, or correct TWILIO_WHATSAPP_NUMBER: ${sendersPage}`,
      ),
    ];
  const isOnline = sender.status.startsWith('ONLINE');
  return [
    isOnline
      ? ok('WhatsApp number', 'is online')
      : problem(
          'WhatsApp number',
          `is ${sender.status || 'in an unknown state'}`,
          `See ${sendersPage}`,
        ),
    ...(publicUrl === undefined
      ? [unchecked('Webhook', 'PUBLIC_URL is missing')]
      : judgeWebhook(sender, publicUrl)),
  ];
}

/**
 * Compares the configured webhooks with the expected ones. The status address may be missing: each
 * message carries its own.
 */
export function judgeWebhook(sender: WhatsappSender, publicUrl: string): Finding[] {
  const wanted = webhookAddresses(publicUrl);
  const advice = `Set it to ${wanted.webhook} (POST) at ${sendersPage}, or let “npm run deploy” do it.`;
  const webhook = (): Finding => {
    if (sender.webhook === wanted.webhook)
      return ok('Webhook', 'Twilio calls this relay, and tries again when it fails');
    if (!sender.webhook) return problem('Webhook', 'Twilio calls no address', advice);
    if (leadsTo(sender.webhook, publicUrl))
      return problem(
        'Webhook',
        'Twilio calls this relay, but does not try again when it answers 5xx',
        advice,
      );
    return problem('Webhook', `Twilio calls ${sender.webhook.split('#')[0]}`, advice);
  };
  const status = (): Finding => {
    if (sender.status_callback === wanted.status)
      return ok('Status address', 'leads to this relay');
    if (!sender.status_callback)
      return ok('Status address', 'is not set, and need not be: each message carries its own');
    return problem(
      'Status address',
      `leads to ${sender.status_callback}`,
      `Set it to ${wanted.status}, or to nothing: each message carries its own.`,
    );
  };
  return [webhook(), status()];
}
