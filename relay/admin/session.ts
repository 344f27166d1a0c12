import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import cookieSession from 'cookie-session';
import type { Request, RequestHandler } from 'express';
import type { Password } from './password.ts';

/** How long a sign-in holds (ms): 30 days. */
const lifetime = 30 * 24 * 3600_000;

/** So many sessions that were signed out are remembered until the process ends. */
const mostEnded = 1000;

/** Who is signed in. All of it is in a signed cookie, of which the process only remembers the ones that were ended. */
export type AdminSessions = {
  /** Reads the cookie, and writes it when something has changed. */
  cookie: RequestHandler;
  begin(request: Request): void;
  end(request: Request): void;
  isSignedIn(request: Request): boolean;
  /** What a form of ours carries, and nobody on another site can know. */
  formToken(request: Request): string;
  /** Whether a form carries it; compared in constant time. */
  isOurForm(request: Request, token: unknown): boolean;
};

export function createAdminSessions(password: Password, secure: boolean, now: () => number = Date.now): AdminSessions {
  const tokenKey = password.key('forms');
  const ended = new Set<string>();
  const idOf = (request: Request): string => {
    const id: unknown = request.session?.['id'];
    return typeof id === 'string' ? id : '';
  };
  const formToken = (request: Request): string => createHmac('sha256', tokenKey).update(idOf(request)).digest('base64url');
  return {
    cookie: cookieSession({ name: 'sidepocket', keys: [password.key('session')], maxAge: lifetime, httpOnly: true, sameSite: 'strict', secure, path: '/admin' }),
    begin(request) {
      request.session = { id: randomBytes(18).toString('base64url'), at: now() };
    },
    end(request) {
      const id = idOf(request);
      if (id && ended.size < mostEnded) ended.add(id);
      request.session = null;
    },
    isSignedIn(request) {
      const at: unknown = request.session?.['at'];
      const id = idOf(request);
      // The cookie's own age is the browser's affair, and a copy of the cookie has none.
      return id !== '' && !ended.has(id) && typeof at === 'number' && now() - at < lifetime;
    },
    formToken,
    isOurForm(request, token) {
      const [given, own] = [Buffer.from(typeof token === 'string' ? token : ''), Buffer.from(formToken(request))];
      return given.length === own.length && timingSafeEqual(given, own);
    },
  };
}
