import { randomBytes } from 'node:crypto';
import express, { Router } from 'express';
import type { Request, Response } from 'express';
import type { Link, LinkPurpose, Links } from '../../shared/store/links/links.ts';
import type { LinkForm, LinkHandler, LinkPage } from './link-handler.ts';
import { overPage, refusedPage } from './secret-page.ts';

/** The largest form (the largest sealed secret has 11 kB). */
const readForm = express.urlencoded({
  extended: false,
  limit: '16kb',
  parameterLimit: 20,
  inflate: false,
});

const cookieName = 'link';
const cookieBytes = 16;

/** How long a browser keeps the cookie that makes a used link its own (s), unless its handler says so. */
const usualSeconds = 3600;

export type LinkRouteDeps = {
  links: Links;
  handlers: Record<LinkPurpose, LinkHandler>;
  /** Whether the relay is reached by https. */
  secure: boolean;
};

/**
 * `GET /link/:token` (and HEAD) shows the page of a link and changes nothing, because a crawler
 * fetches every address in a chat before the person does. `POST` uses the link, for the browser
 * that has the page's cookie, and leads back to the page.
 */
export function createLinkRoutes({ links, handlers, secure }: LinkRouteDeps): Router {
  const router = Router();
  const answer = async (
    request: Request<{ token: string }>,
    response: Response,
    link: Link | undefined,
  ): Promise<void> => {
    const cookie = cookieOf(request);
    if (link && cookie !== undefined && link.isUsedBy(cookie)) {
      const handler = handlers[link.purpose];
      const isMine = async (): Promise<boolean> =>
        (await links.find(request.params.token))?.isUsedBy(cookie) ?? false;
      if (await handler.serve?.(link, request, response, isMine)) return;
      return show(response, 200, await handler.done(link));
    }
    if (!link?.isOpen) return show(response, link ? 410 : 404, overPage());
    if (cookie === undefined)
      response.cookie(cookieName, randomBytes(cookieBytes).toString('base64url'), {
        httpOnly: true,
        // Not `strict`: the page is opened from a chat, which counts as another site.
        sameSite: 'lax',
        secure,
        maxAge: (handlers[link.purpose].cookieSeconds ?? usualSeconds) * 1000,
        path: `/link/${request.params.token}`,
      });
    show(response, 200, await handlers[link.purpose].page(link));
  };

  router.get('/link/:token', async (request, response) => {
    await answer(request, response, await links.find(request.params.token));
  });
  router.post('/link/:token', readForm, async (request, response) => {
    const { token } = request.params;
    const [link, cookie, form] = [await links.find(token), cookieOf(request), formOf(request.body)];
    if (!link) return show(response, 404, overPage());
    const handler = handlers[link.purpose];
    if (cookie === undefined || !isOwnForm(request) || !handler.isWhole(form))
      return show(response, 400, refusedPage());
    const use = await links.use(token, cookie);
    if (use !== 'ok') return show(response, 410, overPage());
    if (!(await handler.take(link, form))) return show(response, 404, overPage());
    response.set({ 'Cache-Control': 'no-store', 'Referrer-Policy': 'no-referrer' });
    response.redirect(303, `/link/${token}`);
  });
  return router;
}

function show(response: Response, status: number, { html, headers }: LinkPage): void {
  response
    .status(status)
    .set({ ...headers, 'Cache-Control': 'no-store' })
    .send(html);
}

function cookieOf(request: Request<{ token: string }>): string | undefined {
  return new RegExp(`(?:^|;\\s*)${cookieName}=([\\w-]{22})(?:;|$)`).exec(
    request.headers.cookie ?? '',
  )?.[1];
}

/** Browsers name the site of a form; the page's own policy hides the origin. */
function isOwnForm({ headers }: Request<{ token: string }>): boolean {
  const site = headers['sec-fetch-site'];
  return site === undefined || site === 'same-origin';
}

/** The fields of a form; a repeated one counts as missing. */
function formOf(body: unknown): LinkForm {
  const fields = typeof body === 'object' && body !== null ? Object.entries(body) : [];
  return new Map(
    fields.flatMap(([name, value]): [string, string][] =>
      typeof value === 'string' ? [[name, value]] : [],
    ),
  );
}
