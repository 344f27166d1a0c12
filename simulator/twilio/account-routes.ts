import { Router, urlencoded } from 'express';
import { z } from 'zod';
import { parseConnectionOverride } from './connection-override.ts';
import type { Account } from './account.ts';
import { formatRfc2822 } from './message-record.ts';
import { readForm, readParams } from './message-request.ts';
import { Refusal, refuseMethod } from './error-codes.ts';
import { createSid } from './sid.ts';
import { formatSinglePage } from './single-page.ts';

/** The fields of an IncomingPhoneNumber that POST may change, by Twilio's name. */
const updates = z.object({
  SmsUrl: z.string().optional(),
  StatusCallback: z.string().optional(),
  FriendlyName: z.string().optional(),
});

/**
 * The account (fetch) and its one phone number (list, fetch, update), as far as a set-up check
 * needs them. The number's SmsUrl serves SMS only: WhatsApp messages go to the sender's own
 * webhook.
 */
export function createAccountRoutes(account: Account): Router {
  const routes = Router();
  const base = `/2010-04-01/Accounts/${account.sid}`;
  const number = createNumber(account, base);
  routes
    .route(`${base}.json`)
    .get((_req, res) => void res.json(formatAccount(account, base)))
    .all(refuseMethod);
  routes
    .route(`${base}/IncomingPhoneNumbers.json`)
    .get((req, res) => {
      const wanted = req.query['PhoneNumber'];
      const found = wanted === undefined || wanted === number.phone_number ? [number] : [];
      res.json({
        incoming_phone_numbers: found,
        ...formatSinglePage(`${base}/IncomingPhoneNumbers.json`, found.length),
      });
    })
    .all(refuseMethod);
  routes
    .route(`${base}/IncomingPhoneNumbers/:file`)
    .all((req, _res, next) => {
      if (req.params.file !== `${number.sid}.json`) throw new Refusal(20404, req.path);
      next();
    })
    .get((_req, res) => void res.json(number))
    .post(urlencoded({ extended: false }), (req, res) => {
      const given = updates.parse(readParams(readForm(req.body)));
      for (const address of [given.SmsUrl, given.StatusCallback]) checkAddress(address);
      number.sms_url = given.SmsUrl ?? number.sms_url;
      number.status_callback = given.StatusCallback ?? number.status_callback;
      number.friendly_name = given.FriendlyName ?? number.friendly_name;
      res.json(number);
    })
    .all(refuseMethod);
  return routes;
}

function checkAddress(address: string | undefined): void {
  if (address === undefined || address === '') return;
  try {
    parseConnectionOverride(address);
  } catch (error) {
    throw new Refusal(20001, error instanceof Error ? error.message : address);
  }
}

function createNumber(account: Account, base: string) {
  const sid = createSid('PN');
  const created = formatRfc2822(new Date());
  return {
    sid,
    account_sid: account.sid,
    friendly_name: account.number,
    phone_number: account.number,
    api_version: '2010-04-01',
    capabilities: { voice: true, sms: true, mms: true, fax: false },
    date_created: created,
    date_updated: created,
    sms_url: '',
    sms_method: 'POST',
    sms_fallback_url: '',
    sms_fallback_method: 'POST',
    status_callback: '',
    status_callback_method: 'POST',
    status: 'in-use',
    uri: `${base}/IncomingPhoneNumbers/${sid}.json`,
  };
}

function formatAccount(account: Account, base: string): object {
  const created = formatRfc2822(new Date(0));
  return {
    sid: account.sid,
    auth_token: account.authToken,
    owner_account_sid: account.sid,
    friendly_name: 'Simulated Twilio account',
    status: 'active',
    type: 'Full',
    date_created: created,
    date_updated: created,
    subresource_uris: {
      messages: `${base}/Messages.json`,
      incoming_phone_numbers: `${base}/IncomingPhoneNumbers.json`,
    },
    uri: `${base}.json`,
  };
}
