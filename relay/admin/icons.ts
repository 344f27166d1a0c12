import { fileURLToPath } from 'node:url';
import { Router } from 'express';
import { iconFile, manifestFile } from './frame/icon.ts';

/** How long a browser may keep them (seconds): a day. */
const freshSeconds = 24 * 3600;

/** The logo in its forms and the manifest: what a browser asks for before a sign-in. */
export function createIcons(): Router {
  const router = Router();
  const give = (path: string | string[], type: string, text: string): void =>
    void router.get(path, (_request, response) => {
      response.set('Cache-Control', `public, max-age=${freshSeconds}`).type(type).send(text);
    });
  give(['/icon.svg', '/favicon.ico'], 'image/svg+xml', iconFile);
  give('/manifest.webmanifest', 'application/manifest+json', manifestFile);
  for (const size of [192, 512])
    router.get(`/icon-${size}.png`, (_request, response) => {
      const file = fileURLToPath(new URL(`frame/icon-${size}.png`, import.meta.url));
      response.sendFile(file, { maxAge: freshSeconds * 1000 });
    });
  return router;
}
