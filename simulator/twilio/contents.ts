import { Router, json } from 'express';
import type { Account } from './account.ts';
import { parseContent, type ContentRequest } from './content.ts';
import type { Faults } from './faults.ts';
import { Refusal, refuseMethod } from './error-codes.ts';
import { createSid } from './sid.ts';
import { formatSinglePageMeta } from './single-page.ts';

/** Twilio's JSON of a content (https://www.twilio.com/docs/content/content-api-resources). */
export type ContentResource = {
  sid: string;
  account_sid: string;
  friendly_name: string | null;
  language: string;
  variables: Record<string, string>;
  types: ContentRequest['types'];
  date_created: string;
  date_updated: string;
  url: string;
  links: { approval_create: string; approval_fetch: string };
};

/** The contents created so far, oldest first. */
export class Contents {
  readonly #contents = new Map<string, ContentResource>();

  add(content: ContentResource): void {
    this.#contents.set(content.sid, content);
  }

  find(sid: string): ContentResource | undefined {
    return this.#contents.get(sid);
  }

  all(): ContentResource[] {
    return [...this.#contents.values()];
  }

  remove(sid: string): boolean {
    return this.#contents.delete(sid);
  }
}

/**
 * The Content API: create, list, fetch, delete under /v1/Content. The faults `content-refused`,
 * `content-fails` and `content-hangs` concern all of them.
 */
export function createContentRoutes(
  contents: Contents,
  account: Account,
  faults: Faults,
  site: string,
): Router {
  const routes = Router();
  const path = '/v1/Content';
  routes.use(path, (_req, _res, next) => {
    if (faults.take('content-refused') !== undefined)
      throw new Refusal(20403, 'this account cannot use the Content API');
    if (faults.take('content-fails') !== undefined) throw new Refusal(20500);
    if (faults.take('content-hangs') === undefined) next();
  });
  routes
    .route(path)
    .get((_req, res) => {
      res.json({
        contents: contents.all(),
        meta: formatSinglePageMeta(`${site}${path}?PageSize=50&Page=0`, 'contents'),
      });
    })
    .post(json({ limit: '256kb' }), (req, res) => {
      const content = createContent(parseContent(req.body), account, `${site}${path}`);
      contents.add(content);
      res.status(201).json(content);
    })
    .all(refuseMethod);
  routes
    .route(`${path}/:sid`)
    .get((req, res) => {
      const content = contents.find(req.params.sid);
      if (content === undefined) throw new Refusal(20404, req.path);
      res.json(content);
    })
    .delete((req, res) => {
      if (!contents.remove(req.params.sid)) throw new Refusal(20404, req.path);
      res.status(204).end();
    })
    .all(refuseMethod);
  return routes;
}

function createContent(
  request: ContentRequest,
  account: Account,
  collection: string,
): ContentResource {
  const sid = createSid('HX');
  const url = `${collection}/${sid}`;
  const now = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
  return {
    sid,
    account_sid: account.sid,
    friendly_name: request.friendly_name ?? null,
    language: request.language,
    variables: request.variables ?? {},
    types: request.types,
    date_created: now,
    date_updated: now,
    url,
    links: {
      approval_create: `${url}/ApprovalRequests/whatsapp`,
      approval_fetch: `${url}/ApprovalRequests`,
    },
  };
}
