import { createHmac, randomBytes } from 'node:crypto';
import { Router, type Request, type Response } from 'express';
import type { Faults } from './faults.ts';
import type { TwinMemory } from './memory.ts';
import { formatRfc2822, type MessageRecord, type StoredMedia } from './message-record.ts';
import type { Messages } from './messages.ts';
import { Refusal, refuseMethod } from './error-codes.ts';
import { formatSinglePage } from './single-page.ts';

/** How long the address that a media redirects to stays good, in seconds. */
const cdnSeconds = 4 * 60 * 60;

type Parts = { messages: Messages; faults: Faults; memory: TwinMemory; site: string };

/**
 * Signs the addresses of media for a while; `check` says whether an address's query is this seal's
 * and still good.
 */
export type MediaSeal = {
  sign: (sid: string) => string;
  check: (sid: string, query: Request['query']) => boolean;
};

/**
 * The Media resource (list, fetch, delete) behind the account's credentials. The bytes' address
 * answers with a redirect (307) to a signed address under /cdn:
 * https://www.twilio.com/docs/messaging/api/media-resource
 */
export function createMediaRoutes(
  { messages, faults, memory, site }: Parts,
  seal: MediaSeal,
): Router {
  const routes = Router();
  const base = '/2010-04-01/Accounts/:account/Messages/:message';
  routes
    .route(`${base}/Media.json`)
    .get((req, res) => {
      const record = messages.findKept(req.params.message);
      if (record === undefined) throw new Refusal(20404, req.path);
      const found = record.media
        .filter((media) => !media.deleted)
        .map((media) => formatMedia(record, media));
      res.json({ media_list: found, ...formatSinglePage(req.path, found.length) });
    })
    .all(refuseMethod);
  routes
    .route(`${base}/Media/:media`)
    .get((req, res) => {
      const { record, media } = findMedia(messages, req);
      if (req.path.endsWith('.json')) return void res.json(formatMedia(record, media));
      const missing = faults.take('media-missing', { MessageSid: record.sid }) !== undefined;
      remember(memory, req, missing ? 404 : 307);
      if (missing) throw new Refusal(20404, req.path);
      res.redirect(307, `${site}/cdn/${record.sid}/${media.sid}?${seal.sign(media.sid)}`);
    })
    .delete((req, res) => {
      findMedia(messages, req).media.deleted = true;
      res.status(204).end();
    })
    .all(refuseMethod);
  return routes;
}

/**
 * The files that are served without credentials: the signed addresses under /cdn, which refuse a
 * request that brings credentials along, as Amazon's storage does, and /phone-media, where the
 * phone page finds pictures and files.
 */
export function createOpenMediaRoutes(
  { messages, memory }: Omit<Parts, 'faults' | 'site'>,
  seal: MediaSeal,
): Router {
  const routes = Router();
  routes.get('/cdn/:message/:media', (req, res) => {
    const refused =
      req.headers.authorization !== undefined
        ? 400
        : seal.check(req.params.media, req.query)
          ? undefined
          : 403;
    remember(memory, req, refused ?? 200);
    if (refused !== undefined)
      return void res.status(refused).type('application/xml').send(cdnErrors[refused]);
    sendBytes(res, findMedia(messages, req).media);
  });
  routes.get('/phone-media/:message/:index', (req, res) => {
    const media = messages.find(req.params.message)?.media[Number(req.params.index)];
    if (media === undefined) throw new Refusal(20404, req.path);
    sendBytes(res, media);
  });
  return routes;
}

const cdnErrors = {
  400: '<Error><Code>InvalidArgument</Code><Message>Only one auth mechanism allowed</Message></Error>',
  403: '<Error><Code>AccessDenied</Code><Message>The signature is wrong or has expired</Message></Error>',
};

/** @returns a seal with a secret of its own. */
export function createMediaSeal(): MediaSeal {
  const secret = randomBytes(32);
  const hash = (sid: string, expires: string) =>
    createHmac('sha256', secret).update(`${sid} ${expires}`).digest('hex');
  return {
    sign: (sid: string): string => {
      const expires = String(Math.floor(Date.now() / 1000) + cdnSeconds);
      return `Expires=${expires}&Signature=${hash(sid, expires)}`;
    },
    check: (sid: string, query: Request['query']): boolean => {
      const expires = String(query['Expires']);
      return query['Signature'] === hash(sid, expires) && Number(expires) * 1000 > Date.now();
    },
  };
}

function findMedia(
  messages: Messages,
  req: Request,
): { record: MessageRecord; media: StoredMedia } {
  const { message, media: wanted } = req.params;
  const record = typeof message === 'string' ? messages.find(message) : undefined;
  const sid = typeof wanted === 'string' ? wanted.replace(/\.json$/, '') : '';
  const media = record?.media.find((stored) => stored.sid === sid && !stored.deleted);
  if (record === undefined || media === undefined) throw new Refusal(20404, req.path);
  return { record, media };
}

function formatMedia(record: MessageRecord, media: StoredMedia): object {
  const date = formatRfc2822(media.createdAt);
  return {
    sid: media.sid,
    account_sid: record.accountSid,
    parent_sid: record.sid,
    content_type: media.type,
    date_created: date,
    date_updated: date,
    uri: `/2010-04-01/Accounts/${record.accountSid}/Messages/${record.sid}/Media/${media.sid}.json`,
  };
}

function remember(memory: TwinMemory, req: Request, status: number): void {
  const { method, originalUrl: url, headers } = req;
  const authorized = headers.authorization !== undefined;
  memory.mediaFetches.push({
    by: 'product',
    method,
    url,
    status,
    authorized,
    at: new Date().toISOString(),
  });
}

/**
 * The types that a browser may show directly; other types, such as HTML, must not run scripts as
 * this site.
 */
const harmlessPattern = /^(image\/(?!svg)|audio\/|video\/|application\/pdf$)/;

function sendBytes(res: Response, media: StoredMedia): void {
  res.set('Content-Type', media.type);
  res.set('Content-Disposition', `inline; filename*=UTF-8''${encodeURIComponent(media.name)}`);
  if (!harmlessPattern.test(media.type))
    res.set('Content-Security-Policy', "sandbox; default-src 'none'");
  res.set('Cross-Origin-Resource-Policy', 'cross-origin');
  res.set('X-Content-Type-Options', 'nosniff');
  res.end(media.bytes);
}
