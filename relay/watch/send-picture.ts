import type { Response } from 'express';

/** Sends a picture of a record. */
export function sendPicture(response: Response, bytes: Buffer | undefined): void {
  if (!bytes) return void response.status(404).end();
  response
    .set('Content-Type', 'image/jpeg')
    .set('Content-Disposition', 'inline')
    .set('Cache-Control', 'private, max-age=3600')
    .set('X-Content-Type-Options', 'nosniff')
    .set('Content-Security-Policy', "sandbox; default-src 'none'")
    .send(bytes);
}
