import { createHash, createHmac, randomBytes } from 'node:crypto';
import cookieSession from 'cookie-session';
import type { Request, RequestHandler } from 'express';
import { keys } from '../../shared/store/redis/keys.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import type { Password } from './password.ts';
import { isSameSecret } from '../../shared/runtime/constant-time.ts';

/** How long a sign-in lasts (ms): 30 days. */
const lifetime = 30 * 24 * 3600_000;

/**
 * The sign-in sessions. Their state is in a signed cookie; Redis keeps the sessions that were
 * signed out until their cookies expire.
 */
export type AdminSessions = {
  /** Reads the cookie, and writes it when it has changed. */
  cookie: RequestHandler;
  begin(request: Request): void;
  /**
   * Ends the session of this request. Rejects when Redis does not store it: the session then stays
   * valid.
   */
  end(request: Request): Promise<void>;
  /** Rejects when there is a session and Redis cannot confirm that it is still valid. */
  isSignedIn(request: Request): Promise<boolean>;
  /** The token of our own forms, unknown to other sites. */
  formToken(request: Request): string;
  /** Whether a form carries the right token; compared in constant time. */
  isOurForm(request: Request, token: unknown): boolean;
};

/**
 * The name of a session in Redis: a digest, because a reader of Redis must not learn the cookie's
 * content.
 */
const nameOf = (id: string): string => createHash('sha256').update(id).digest('base64url');

export function createAdminSessions(
  password: Password,
  secure: boolean,
  redis: Redis,
  now: () => number = Date.now,
): AdminSessions {
  const tokenKey = password.key('forms');
  const idOf = (request: Request): string => {
    const id: unknown = request.session?.['id'];
    return typeof id === 'string' ? id : '';
  };
  const formToken = (request: Request): string =>
    createHmac('sha256', tokenKey).update(idOf(request)).digest('base64url');
  return {
    cookie: cookieSession({
      name: 'sidepocket',
      keys: [password.key('session')],
      maxAge: lifetime,
      httpOnly: true,
      sameSite: 'strict',
      secure,
      path: '/admin',
    }),
    begin(request) {
      request.session = { id: randomBytes(18).toString('base64url'), at: now() };
    },
    async end(request) {
      const id = idOf(request);
      if (id) await redis.zadd(keys.endedSessions, now() + lifetime, nameOf(id));
      request.session = null;
      await redis.zremrangebyscore(keys.endedSessions, '-inf', now());
    },
    async isSignedIn(request) {
      const at: unknown = request.session?.['at'];
      const id = idOf(request);
      // The cookie's own expiry is enforced by the browser, and a copied cookie has none.
      if (id === '' || typeof at !== 'number' || now() - at >= lifetime) return false;
      return (await redis.zscore(keys.endedSessions, nameOf(id))) === null;
    },
    formToken,
    isOurForm(request, token) {
      const [given, own] = [
        Buffer.from(typeof token === 'string' ? token : ''),
        Buffer.from(formToken(request)),
      ];
      return isSameSecret(given, own);
    },
  };
}
