import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { create as contentDisposition } from 'content-disposition';
import { Router } from 'express';
import type { Response } from 'express';
import type { FileStore, StoredFile } from '../../shared/store/files.ts';
import type { Log } from '../../shared/runtime/log.ts';
import { missingFile } from '../pages/answer-page.ts';
import { documentHeaders } from '../pages/document.ts';

/**
 * `GET /media/:token` (and HEAD): a file for Twilio or for a person with the link. The token is the
 * only credential: unguessable, expiring with the file, never listed. Type and length are exact,
 * because Twilio checks them (twilio.com/docs/whatsapp/guidance-whatsapp-media-messages).
 */
export function createMedia(files: FileStore, log: Log): Router {
  const router = Router();
  router.get('/media/:token', async (request, response) => {
    const { token } = request.params;
    const file = /^[\w-]{16,64}$/.test(token) ? await files.find(token) : undefined;
    if (!file) {
      response.status(404).set(documentHeaders).set('Cache-Control', 'private, no-store');
      response.end(request.method === 'HEAD' ? undefined : missingFile());
      return;
    }
    describe(response, file);
    if (request.method === 'HEAD') {
      response.end();
      return;
    }
    try {
      await pipeline(Readable.from(files.read(file)), response);
      await files.noteFetched(token);
    } catch (error) {
      log.warn({ err: error }, 'file download interrupted');
      response.destroy();
    }
  });
  return router;
}

function describe(response: Response, file: StoredFile): void {
  // A clean name for old clients; the true one as filename* (RFC 6266, RFC 8187).
  const fallback = file.name.replaceAll(/[^\w.-]+/g, '-');
  const name = file.name.toWellFormed().replaceAll(/[\p{Cc}/\\]+/gu, '-');
  response.setHeader('Content-Type', file.type);
  response.setHeader('Content-Length', file.size);
  response.setHeader('Content-Disposition', contentDisposition(name, { type: 'inline', fallback }));
  response.setHeader('Cache-Control', 'private, max-age=3600');
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.setHeader('Referrer-Policy', 'no-referrer');
  // A file that Claude wrote must not run as a page of this origin.
  response.setHeader(
    'Content-Security-Policy',
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; media-src 'self'",
  );
}
