import { Router, json } from 'express';
import { z } from 'zod';
import { whatsappAddress, type Account } from './account.ts';
import { parseConnectionOverride } from './connection-override.ts';
import { Refusal, refuseMethod } from './error-codes.ts';
import { createSid } from './sid.ts';
import { formatSinglePageMeta } from './single-page.ts';

/**
 * The WhatsApp sender's settings: the addresses that Twilio calls for inbound messages and for
 * states; undefined for none.
 */
export type Sender = {
  sid: string;
  webhookUrl: string | undefined;
  fallbackUrl: string | undefined;
  statusUrl: string | undefined;
};

/** @throws RangeError when an address or its fragment is invalid. */
export function createSender(addresses: {
  webhookUrl: string;
  fallbackUrl?: string;
  statusUrl?: string;
}): Sender {
  const { webhookUrl, fallbackUrl, statusUrl } = addresses;
  for (const address of [webhookUrl, fallbackUrl, statusUrl])
    if (address !== undefined) parseConnectionOverride(address);
  return {
    sid: createSid('XE'),
    webhookUrl,
    fallbackUrl,
    statusUrl,
  };
}

const webAddress = z.string().check((context) => {
  try {
    parseConnectionOverride(context.value);
  } catch (error) {
    context.issues.push({
      code: 'custom',
      input: context.value,
      message: error instanceof Error ? error.message : 'invalid',
    });
  }
});

const update = z.looseObject({
  webhook: z
    .looseObject({
      callback_url: webAddress.or(z.literal('')).nullish(),
      fallback_url: webAddress.or(z.literal('')).nullish(),
      status_callback_url: webAddress.or(z.literal('')).nullish(),
    })
    .optional(),
});

/**
 * The Senders API: list, fetch, and update of the webhook addresses, which null or an empty text
 * clears. An update takes effect at the next message.
 * https://www.twilio.com/docs/whatsapp/api/senders
 */
export function createSenderRoutes(sender: Sender, account: Account, site: string): Router {
  const routes = Router();
  const path = '/v2/Channels/Senders';
  routes
    .route(path)
    .get((req, res) => {
      if (req.query['Channel'] !== 'whatsapp')
        throw new Refusal(20001, 'Channel must be "whatsapp"');
      const meta = formatSinglePageMeta(`${site}${path}?Channel=whatsapp`, 'senders');
      res.json({ senders: [formatSender(sender, account, site)], meta });
    })
    .all(refuseMethod);
  routes
    .route(`${path}/:sid`)
    .all((req, _res, next) => {
      if (req.params.sid !== sender.sid) throw new Refusal(20404, req.path);
      next();
    })
    .get((_req, res) => void res.json(formatSender(sender, account, site)))
    .post(json(), (req, res) => {
      const parsed = update.safeParse(req.body);
      if (!parsed.success) throw new Refusal(20001, z.prettifyError(parsed.error));
      const {
        callback_url: callback,
        fallback_url: fallback,
        status_callback_url: status,
      } = parsed.data.webhook ?? {};
      sender.webhookUrl = callback === undefined ? sender.webhookUrl : callback || undefined;
      sender.fallbackUrl = fallback === undefined ? sender.fallbackUrl : fallback || undefined;
      sender.statusUrl = status === undefined ? sender.statusUrl : status || undefined;
      res.status(202).json(formatSender(sender, account, site));
    })
    .all(refuseMethod);
  return routes;
}

function formatSender(sender: Sender, account: Account, site: string): object {
  return {
    sid: sender.sid,
    status: 'ONLINE',
    sender_id: whatsappAddress(account.number),
    configuration: { waba_id: '100000000000000' },
    webhook: {
      callback_url: sender.webhookUrl ?? '',
      callback_method: 'POST',
      fallback_url: sender.fallbackUrl ?? '',
      fallback_method: 'POST',
      status_callback_url: sender.statusUrl ?? '',
      status_callback_method: 'POST',
    },
    profile: { name: 'Sidepocket' },
    properties: { quality_rating: 'HIGH', messaging_limit: '1K Customers/24hr' },
    offline_reasons: null,
    url: `${site}/v2/Channels/Senders/${sender.sid}`,
  };
}
