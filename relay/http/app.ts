import express from 'express';
import type { ErrorRequestHandler, Express, Request, Response, Router } from 'express';
import helmet from 'helmet';
import type { Log } from '../../shared/runtime/log.ts';
import type { ProxyTrust } from '../../shared/runtime/address-ranges.ts';
import { createIcons } from '../admin/icons.ts';
import { problemPage } from '../admin/frame/problem-page.ts';
import { giveNonce, nonceOf } from '../admin/nonce.ts';
import { isProxy } from './client-address.ts';
import { limitUnsigned } from './unsigned-rate-limit.ts';
import type { UnsignedRateLimit } from './unsigned-rate-limit.ts';
import type { Metrics } from '../metrics.ts';

export type AppDeps = {
  log: Log;
  unsignedRateLimit: UnsignedRateLimit;
  /** Which connecting machines are proxies. */
  proxies: ProxyTrust;
  /** What needs no sign-in: files, long answers as web pages, and links of a chat. */
  open: Router[];
  /** The sign-in and the routes behind it, in this order; absent without a password. */
  admin: { signIn: Router; pages: Router; dashboard: Router } | undefined;
  metrics: Metrics;
};

/** Everything that the relay serves besides Twilio's webhooks and the health probes. */
export function createApp(parts: AppDeps): Express {
  const app = express();
  app.disable('x-powered-by');
  // Express uses this for the scheme only, which a secure cookie requires; client-address.ts reads
  // addresses.
  app.set('trust proxy', (peer: string, hop: number) => hop === 0 && isProxy(peer, parts.proxies));
  const limit = limitUnsigned(parts.unsignedRateLimit);
  app.use(['/media', '/page', '/link'], limit);
  app.use(...parts.open);
  app.use(
    giveNonce,
    helmet({
      contentSecurityPolicy: {
        directives: {
          'script-src': ["'self'", (_request, response) => `'nonce-${nonceOf(response)}'`],
          'style-src': ["'self'", "'unsafe-inline'"],
          'img-src': ["'self'", 'data:'],
          'upgrade-insecure-requests': null,
        },
      },
      // With "no-referrer", browsers send `Origin: null` with our own sign-in form, which looks
      // like another site's.
      referrerPolicy: { policy: 'same-origin' },
    }),
  );
  app.use(createIcons());
  if (parts.admin) {
    app.use(parts.admin.signIn);
    app.get('/metrics', async (_request, response) => {
      const { type, text } = await parts.metrics.scrape();
      response.type(type).send(text);
    });
    app.use(parts.admin.pages);
    app.use(parts.admin.dashboard);
  }
  app.use(limit, (request, response) => {
    const hasAdmin = parts.admin !== undefined;
    if (hasAdmin && request.path === '/' && ['GET', 'HEAD'].includes(request.method))
      response.redirect(303, '/admin');
    else
      sayProblem(request, response.status(404), {
        title: 'There is nothing here',
        advice: 'The address may not have been copied whole.',
        hasAdmin,
      });
  });
  const onError: ErrorRequestHandler = (error: unknown, request, response, next) => {
    const status = statusOf(error);
    // Logs the first segment only: the token after /media/ opens a file.
    const path = `/${request.path.split('/')[1] ?? ''}`;
    if (status < 500) parts.log.warn({ err: error, path, status }, 'refused');
    else parts.log.error({ err: error, path, status }, 'a request failed');
    const hasAdmin = parts.admin !== undefined;
    if (response.headersSent) next(error);
    else if (status < 500)
      sayProblem(request, response.status(status), {
        title: 'That request is not understood',
        advice: 'Go back and try it another way.',
        hasAdmin,
      });
    else
      sayProblem(request, response.status(503), {
        title: 'That did not work',
        advice: 'Try again in a moment.',
        hasAdmin,
      });
  };
  app.use(onError);
  return app;
}

/** Says a problem: as a page to a browser, as a line of text to a program. */
function sayProblem(
  request: Request,
  response: Response,
  { title, advice, hasAdmin }: { title: string; advice: string; hasAdmin: boolean },
): void {
  const isBrowser = (request.headers.accept ?? '').slice(0, 200).includes('text/html');
  if (isBrowser)
    response
      .type('html')
      .send(problemPage(title, advice, hasAdmin ? ['/admin', 'To the dashboard'] : undefined));
  else response.type('text').send(`${title}. ${advice}`);
}

/**
 * The status that Express and its parsers set on an error caused by the request (a broken escape, a
 * body too large); 503 for anything else.
 */
function statusOf(error: unknown): number {
  const status = error instanceof Error && 'status' in error ? Number(error.status) : 503;
  return status >= 400 && status < 500 ? status : 503;
}
