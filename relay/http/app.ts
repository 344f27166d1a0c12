import express from 'express';
import type { ErrorRequestHandler, Express, Router } from 'express';
import helmet from 'helmet';
import type { Log } from '../../shared/runtime/log.ts';
import type { ProxyTrust } from '../../shared/runtime/address-ranges.ts';
import { isProxy } from './client-address.ts';
import { keepDoor } from './unsigned-rate-limit.ts';
import type { UnsignedRateLimit } from './unsigned-rate-limit.ts';
import type { Metrics } from '../metrics.ts';

export type AppParts = {
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
export function createApp(parts: AppParts): Express {
  const app = express();
  app.disable('x-powered-by');
  // Express uses this for the scheme only, which a secure cookie requires; client-address.ts reads
  // addresses.
  app.set('trust proxy', (peer: string, hop: number) => hop === 0 && isProxy(peer, parts.proxies));
  const door = keepDoor(parts.unsignedRateLimit);
  app.use(['/media', '/page', '/link'], door);
  app.use(...parts.open);
  app.use(
    helmet({
      contentSecurityPolicy: {
        directives: {
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
  if (parts.admin) {
    app.use(parts.admin.signIn);
    app.get('/metrics', async (_request, response) => {
      const { type, text } = await parts.metrics.scrape();
      response.type(type).send(text);
    });
    app.use(parts.admin.pages);
    app.use(parts.admin.dashboard);
  }
  app.use(
    door,
    (_request, response) => void response.status(404).type('text').send('There is nothing here.'),
  );
  const onError: ErrorRequestHandler = (error: unknown, request, response, next) => {
    const status = statusOf(error);
    // Logs the first segment only: the token after /media/ opens a file.
    const path = `/${request.path.split('/')[1] ?? ''}`;
    if (status < 500) parts.log.warn({ err: error, path, status }, 'refused');
    else parts.log.error({ err: error, path, status }, 'a request failed');
    if (response.headersSent) next(error);
    else if (status < 500)
      response.status(status).type('text').send('That request is not understood.');
    else response.status(503).type('text').send('That did not work. Try again in a moment.');
  };
  app.use(onError);
  return app;
}

/**
 * The status that Express and its parsers set on an error caused by the request (a broken escape, a
 * body too large); 503 for anything else.
 */
function statusOf(error: unknown): number {
  const status = error instanceof Error && 'status' in error ? Number(error.status) : 503;
  return status >= 400 && status < 500 ? status : 503;
}
