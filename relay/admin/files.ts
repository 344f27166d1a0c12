import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Router } from 'express';
import type { Response } from 'express';
import type { Log } from '../../shared/runtime/log.ts';
import type { FileStore } from '../../shared/store/files.ts';
import { isMessageSid, readMessage } from '../../shared/store/message.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import type { MediaFetch } from '../../shared/twilio/media.ts';
import type { TurnRecords } from '../../shared/store/turns/records.ts';
import { isTurnId } from './turns/find-turn.ts';
import { shownPictures } from './turns/shown-files.ts';

export type AdminFileDeps = {
  redis: Redis;
  files: FileStore;
  records: Pick<TurnRecords, 'picture'>;
  fetchMedia: MediaFetch;
  log: Log;
};

/**
 * The files of a conversation, behind the sign-in: `/admin/sent/TOKEN` is one of a reply, from the
 * store, `/admin/received/SID/INDEX` a picture that a person has sent, which Twilio keeps. 404 when
 * it is gone. `/admin/seen/TURN/ENTRY` is a picture in the record of a turn.
 */
export function createAdminFiles({
  redis,
  files,
  records,
  fetchMedia,
  log,
}: AdminFileDeps): Router {
  const router = Router();
  router.get('/admin/seen/:turn/:entry', async (request, response, next) => {
    const { turn, entry } = request.params;
    const isOne = isTurnId(turn) && /^\d{1,6}$/.test(entry);
    const bytes = isOne ? await records.picture(turn, Number(entry)) : undefined;
    if (bytes) protect(response, 'image/jpeg').send(bytes);
    else next();
  });
  router.get('/admin/sent/:token', async (request, response, next) => {
    const { token } = request.params;
    const file = /^[\w-]{16,64}$/.test(token) ? await files.find(token) : undefined;
    if (!file) return next();
    protect(response, file.type).setHeader('Content-Length', file.size);
    try {
      await pipeline(Readable.from(files.read(file)), response);
    } catch (error) {
      log.warn({ err: error }, 'file download interrupted');
      response.destroy();
    }
  });
  router.get('/admin/received/:sid/:index', async (request, response, next) => {
    const { sid, index } = request.params;
    const raw = isMessageSid(sid) ? await redis.get(keys.said(sid)) : null;
    const media = /^\d$/.test(index) ? readMessage(raw ?? '')?.media[Number(index)] : undefined;
    if (!media || !shownPictures.has(media.type)) return next();
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const bytes = await fetchMedia(media.url, gone.signal).catch(() => undefined);
    if (bytes) protect(response, media.type).send(bytes);
    else if (!response.closed) next();
  });
  return router;
}

/** Foreign bytes must not run as a page of this origin: pictures are shown, all else is saved. */
function protect(response: Response, type: string): Response {
  const isPicture = shownPictures.has(type);
  return response
    .set('Content-Type', isPicture ? type : 'application/octet-stream')
    .set('Content-Disposition', isPicture ? 'inline' : 'attachment')
    .set('Cache-Control', 'private, max-age=3600')
    .set('Content-Security-Policy', "sandbox; default-src 'none'");
}
