import express from 'express';
import type { ErrorRequestHandler, Express, Router } from 'express';
import helmet from 'helmet';
import type { Registry } from 'prom-client';
import type { Log } from '../shared/log.ts';

export type AppParts = {
  log: Log;
  /** Whether Redis answers now. */
  isReady: () => Promise<boolean>;
  media: Router;
  /** The sign-in and what lies behind it; absent when there is no password. */
  signIn?: Router;
  dashboard?: Router;
  registry: Registry;
};

/** Everything that the relay serves besides Twilio's webhooks. */
export function createApp(parts: AppParts): Express {
  const app = express();
  app.disable('x-powered-by');
  // One proxy stands in front (Fly's); its X-Forwarded-For is the client's address, for the sign-in throttle.
  app.set('trust proxy', 1);
  app.get('/health', (_request, response) => void response.json({ status: 'ok' }));
  app.get('/ready', async (_request, response) => {
    const ready = await parts.isReady();
    response.status(ready ? 200 : 503).json({ status: ready ? 'ok' : 'no Redis' });
  });
  app.use(parts.media);
  app.use(
    helmet({
      contentSecurityPolicy: { directives: { 'style-src': ["'self'", "'unsafe-inline'"], 'img-src': ["'self'", 'data:'], 'upgrade-insecure-requests': null } },
      // With "no-referrer" browsers send `Origin: null` with our own sign-in form, which then looks like another site's.
      referrerPolicy: { policy: 'same-origin' },
    }),
  );
  if (parts.signIn && parts.dashboard) {
    app.use(parts.signIn);
    app.get('/metrics', async (_request, response) => void response.type(parts.registry.contentType).send(await parts.registry.metrics()));
    app.use(parts.dashboard);
  }
  app.use((_request, response) => void response.status(404).type('text').send('There is nothing here.'));
  const onError: ErrorRequestHandler = (error: unknown, request, response, next) => {
    const status = statusOf(error);
    // No more of the path: behind /media/ stands a token that opens a file.
    const path = `/${request.path.split('/')[1] ?? ''}`;
    if (status < 500) parts.log.warn({ err: error, path, status }, 'refused');
    else parts.log.error({ err: error, path, status }, 'a request failed');
    if (response.headersSent) next(error);
    else if (status < 500) response.status(status).type('text').send('That request is not understood.');
    else response.status(503).type('text').send('That did not work. Try again in a moment.');
  };
  app.use(onError);
  return app;
}

/** The status that Express and its parsers put on an error of the request's own making (a broken escape, a body too large); 503 for anything else. */
function statusOf(error: unknown): number {
  const status = error instanceof Error && 'status' in error ? Number(error.status) : 503;
  return status >= 400 && status < 500 ? status : 503;
}
