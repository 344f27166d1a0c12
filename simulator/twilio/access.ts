import type { RequestHandler } from 'express';
import type { Account } from './account.ts';
import { Refusal } from './error-codes.ts';

/**
 * Lets requests in that carry the account's SID and auth token, or an API key and its secret, as
 * Basic credentials. Anyone else gets 401 with code 20003.
 */
export function requireAccess(account: Account): RequestHandler {
  const secrets = new Map([...Object.entries(account.apiKeys), [account.sid, account.authToken]]);
  return (req, _res, next) => {
    const [scheme = '', encoded = ''] = (req.headers.authorization ?? '').split(' ');
    const [user = '', ...password] = Buffer.from(encoded, 'base64').toString('utf8').split(':');
    if (scheme.toLowerCase() !== 'basic' || secrets.get(user) !== password.join(':'))
      throw new Refusal(20003);
    next();
  };
}

/** Refuses a path of the 2010 API that names another account than this one with 404. */
export function requireAccount(account: Account): RequestHandler {
  return (req, _res, next) => {
    const named = /^\/2010-04-01\/Accounts\/([^/.?]+)/.exec(req.originalUrl)?.[1];
    if (named !== account.sid) throw new Refusal(20404, req.originalUrl);
    next();
  };
}
