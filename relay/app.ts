import express from 'express';
import type { ErrorRequestHandler, Express, Router } from 'express';
import helmet from 'helmet';
import type { Log } from '../shared/log.ts';

export type AppParts = {
  log: Log;
  /** Whether Redis answers now. */
  isReady: () => Promise<boolean>;
  media: Router;
  /** The sign-in and what lies behind it; absent when there is no password. */
  admin?: Router[];
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
  app.use(helmet({ contentSecurityPolicy: { directives: { 'style-src': ["'self'", "'unsafe-inline'"], 'img-src': ["'self'", 'data:'], 'upgrade-insecure-requests': null } } }));
  for (const router of parts.admin ?? []) app.use(router);
  app.use((_request, response) => void response.status(404).type('text').send('There is nothing here.'));
  const onError: ErrorRequestHandler = (error: unknown, request, response, next) => {
    parts.log.error({ err: error, path: request.path }, 'a request failed');
    if (response.headersSent) next(error);
    else response.status(503).type('text').send('That did not work. Try again in a moment.');
  };
  app.use(onError);
  return app;
}
