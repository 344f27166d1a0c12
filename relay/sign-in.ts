import { createHash, createHmac, scrypt, scryptSync, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import cookieSession from 'cookie-session';
import express, { Router } from 'express';
import type { NextFunction, Request, Response } from 'express';
import { rateLimit } from 'express-rate-limit';

/** Where the form is; everything else under `/admin` asks for it. */
const signInPath = '/admin/sign-in';
/** How long a sign-in holds (ms): 30 days. */
const sessionLifetime = 30 * 24 * 3600_000;

const salt = 'sidepocket sign-in';
const scryptAsync = promisify<string, string, number, Buffer>(scrypt);

function hashSlowly(password: string): Promise<Buffer> {
  return scryptAsync(password, salt, 32);
}

/**
 * Guards everything under `/admin` and `/metrics` that is mounted behind it with one password: a form and a signed cookie for people, Basic auth (any user name) for scripts.
 * The password itself is not kept, only its scrypt hash. Wrong attempts are limited to 10 a minute for each address.
 */
export function createSignIn(password: string, secure: boolean): Router {
  const hash = scryptSync(password, salt, 32);
  /** The digest of an attempt that was right: a script that asks often pays for the slow hash once. */
  let known: Buffer | undefined;
  const isRight = async (attempt: string): Promise<boolean> => {
    const digest = createHash('sha256').update(hash).update(attempt).digest();
    if (known && timingSafeEqual(known, digest)) return true;
    // Slow on purpose, and beside the event loop: webhooks must not wait for it.
    if (!timingSafeEqual(hash, await hashSlowly(attempt))) return false;
    known = digest;
    return true;
  };
  const router = Router();
  router.use(
    '/admin',
    cookieSession({
      name: 'sidepocket',
      keys: [createHmac('sha256', hash).update('session').digest('hex')],
      maxAge: sessionLifetime,
      httpOnly: true,
      sameSite: 'strict',
      secure,
      path: '/admin',
    }),
  );
  const throttle = rateLimit({ windowMs: 60_000, limit: 10, skipSuccessfulRequests: true, legacyHeaders: false, standardHeaders: 'draft-8', message: 'Too many attempts. Try again in a minute.' });

  router.get(signInPath, (_request, response) => void response.type('html').send(page('')));
  router.post(signInPath, throttle, refuseOtherOrigins, express.urlencoded({ extended: false, limit: '4kb' }), async (request, response) => {
    const body: unknown = request.body;
    const attempt = typeof body === 'object' && body !== null && 'password' in body ? String(body.password) : '';
    if (!(await isRight(attempt))) {
      response.status(401).type('html').send(page('That is not the password.'));
      return;
    }
    if (request.session) request.session['signedIn'] = true;
    response.redirect(303, '/admin/queues');
  });
  router.use(['/admin', '/metrics'], (request, response, next) => {
    if (request.session?.['signedIn'] === true) return next();
    const basic = basicPassword(request);
    if (basic === undefined) {
      if (request.accepts(['html', 'json']) === 'html') response.redirect(303, signInPath);
      else response.status(401).set('WWW-Authenticate', 'Basic realm="Sidepocket"').json({ error: 'sign in' });
      return;
    }
    throttle(request, response, async () => {
      if (await isRight(basic)) next();
      else response.status(401).set('WWW-Authenticate', 'Basic realm="Sidepocket"').type('text').send('That is not the password.');
    });
  });
  return router;
}

/** A form on another origin must not sign anybody in (CSRF). Browsers send the origin with every POST. */
function refuseOtherOrigins(request: Request, response: Response, next: NextFunction): void {
  const { origin } = request.headers;
  const own = request.headers.host;
  if (origin !== undefined && origin !== 'null' && URL.canParse(origin) && new URL(origin).host === own) return next();
  if (origin === undefined) return next();
  response.status(403).type('text').send('This form belongs to another site.');
}

function basicPassword(request: Request): string | undefined {
  const [scheme, encoded] = (request.headers.authorization ?? '').split(' ', 2);
  if (scheme?.toLowerCase() !== 'basic' || !encoded) return undefined;
  const [, ...password] = Buffer.from(encoded, 'base64').toString('utf8').split(':');
  return password.join(':');
}

function page(problem: string): string {
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Sidepocket: sign in</title><link rel="icon" href="data:,">
<style>
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 0; min-height: 100dvh; display: grid; place-items: center; background: light-dark(#f0f2f5, #111b21); color: light-dark(#111b21, #e9edef); }
form { box-sizing: border-box; width: min(23.5rem, calc(100vw - 3rem)); padding: 2rem 1.75rem; border-radius: 16px; background: light-dark(#fff, #202c33); box-shadow: 0 8px 30px rgb(0 0 0 / .12); }
h1 { font-size: 1.25rem; margin: 0 0 1.25rem; } label { display: block; font-size: .875rem; margin-bottom: .375rem; }
input, button { box-sizing: border-box; width: 100%; font: inherit; padding: .7rem .85rem; border-radius: 10px; }
input { border: 1px solid light-dark(#c4cbd0, #3b4a54); background: light-dark(#fff, #111b21); color: inherit; }
button { margin-top: 1rem; border: 0; background: #008069; color: #fff; font-weight: 600; cursor: pointer; }
:focus-visible { outline: 3px solid #25d366; outline-offset: 2px; } p { margin: .75rem 0 0; color: light-dark(#b3261e, #ffb4ab); }
</style>
<main><form method="post"><h1>Sidepocket</h1><label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required autofocus>
<button>Sign in</button>${problem ? `<p role="alert">${problem}</p>` : ''}</form></main></html>`;
}
