import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import cookieSession from 'cookie-session';
import type { Request, RequestHandler } from 'express';
import { keys } from '../../shared/store/redis/keys.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import type { Password } from './password.ts';

/** How long a sign-in holds (ms): 30 days. */
const lifetime = 30 * 24 * 3600_000;

/**
 * Who is signed in. All of it is in a signed cookie; the sessions that were signed out are kept in
 * Redis for as long as their cookies would hold.
 */
export type AdminSessions = {
  /** Reads the cookie, and writes it when something has changed. */
  cookie: RequestHandler;
  begin(request: Request): void;
  /**
   * Ends the session of this request. Rejects when Redis does not take it: then the session holds.
   */
  end(request: Request): Promise<void>;
  /** Rejects when there is a session and Redis does not say whether it was ended. */
  isSignedIn(request: Request): Promise<boolean>;
  /** What a form of ours carries, and nobody on another site can know. */
  formToken(request: Request): string;
  /** Whether a form carries it; compared in constant time. */
  isOurForm(request: Request, token: unknown): boolean;
};

/** What a session is called in Redis: who reads there must not learn what is in a cookie. */
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
      // The cookie's own age is the browser's affair, and a copy of the cookie has none.
      if (id === '' || typeof at !== 'number' || now() - at >= lifetime) return false;
      return (await redis.zscore(keys.endedSessions, nameOf(id))) === null;
    },
    formToken,
    isOurForm(request, token) {
      const [given, own] = [
        Buffer.from(typeof token === 'string' ? token : ''),
        Buffer.from(formToken(request)),
      ];
      return given.length === own.length && timingSafeEqual(given, own);
    },
  };
}
