import express, { Router } from 'express';
import type { Request, RequestHandler, Response } from 'express';
import type { ProxyTrust } from '../../shared/runtime/address-ranges.ts';
import { originOf } from '../http/client-address.ts';
import { createAttempts } from './sign-in-rate-limit.ts';
import type { Outcome } from './sign-in-rate-limit.ts';
import type { AdminSessions } from './session.ts';
import type { Password } from './password.ts';
import { refuseOtherOrigins } from './csrf.ts';
import { logoMark } from './frame/icon.ts';
import { adminColours } from './frame/style.ts';
import { Html, html } from './frame/html.ts';

/** The path of the form; everything else under `/admin` requires a sign-in. */
const signInPath = '/admin/sign-in';

/** The longest Accept header that is parsed (characters); browsers send about 150. */
const longestAccept = 1000;

/** Reads a form of ours. Compressed bodies are refused: no browser sends a form in gzip. */
const smallForm = express.urlencoded({ extended: false, limit: '4kb', inflate: false });

export type SignInDeps = {
  password: Password;
  sessions: AdminSessions;
  /** The relay's public address. */
  publicUrl: string;
  /** Which connecting machines are proxies. */
  proxies: ProxyTrust;
};

/**
 * Guards everything mounted behind it under `/admin` and `/metrics`: a form and a signed cookie for
 * people, Basic auth (any user name) for scripts.
 */
export function createSignIn({ password, sessions, publicUrl, proxies }: SignInDeps): Router {
  const attempts = createAttempts(password);
  const attempt = (request: Request, word: string): Promise<Outcome> =>
    attempts(originOf(request, proxies), word);
  const router = Router();
  router.use('/admin', refuseOtherOrigins(publicUrl), sessions.cookie);

  router.get(signInPath, async (request, response) => {
    if (await sessions.isSignedIn(request)) return response.redirect(303, wanted(request));
    show(response, 200, '', isFromElsewhere(request) ? wanted(request) : undefined);
  });
  router.post(signInPath, smallForm, async (request, response) => {
    const outcome = await attempt(request, fieldOf(request, 'password'));
    if (outcome === 'wrong') return show(response, 401, 'That is not the password.');
    if (outcome === 'too many')
      return show(
        response.set('Retry-After', '60'),
        429,
        'Too many attempts. Try again in a minute.',
      );
    sessions.begin(request);
    response.redirect(303, wanted(request));
  });
  router.post('/admin/sign-out', smallForm, async (request, response) => {
    // Only our own page may sign out; without a session there is nothing to do.
    if (
      (await sessions.isSignedIn(request)) &&
      sessions.isOurForm(request, fieldOf(request, 'token'))
    )
      await sessions.end(request);
    response.redirect(303, signInPath);
  });
  router.use(['/admin', '/metrics'], guard(sessions, attempt));
  return router;
}

function guard(
  sessions: AdminSessions,
  attempt: (request: Request, password: string) => Promise<Outcome>,
): RequestHandler {
  return async (request, response, next) => {
    if (await sessions.isSignedIn(request)) return next();
    const basic = basicPassword(request);
    if (basic === undefined) {
      if (wantsPage(request))
        response.redirect(
          303,
          `${signInPath}?${new URLSearchParams({ to: request.method === 'GET' ? request.originalUrl : '/admin' }).toString()}`,
        );
      else
        response
          .status(401)
          .set('WWW-Authenticate', 'Basic realm="Sidepocket"')
          .json({ error: 'sign in' });
      return;
    }
    const outcome = await attempt(request, basic);
    if (outcome === 'right') next();
    else if (outcome === 'too many')
      response
        .status(429)
        .set('Retry-After', '60')
        .type('text')
        .send('Too many attempts. Try again in a minute.');
    else
      response
        .status(401)
        .set('WWW-Authenticate', 'Basic realm="Sidepocket"')
        .type('text')
        .send('That is not the password.');
  };
}

/** Whether the client wants a page, as browsers do; otherwise it is a program. */
function wantsPage(request: Request): boolean {
  return (
    (request.headers.accept ?? '').length <= longestAccept &&
    request.accepts(['html', 'json']) === 'html'
  );
}

/**
 * Whether a link on another site, such as WhatsApp's, led here: then the browser has left out the
 * session's cookie.
 */
function isFromElsewhere({ headers }: Request): boolean {
  return headers['sec-fetch-site'] === 'cross-site';
}

/** The target of a sign-in: the requested page, if it is one of ours. */
function wanted(request: Request): string {
  const { to } = request.query;
  return typeof to === 'string' &&
    /^\/admin(?:[/?][\w./?=&%+-]*)?$/.test(to) &&
    !to.startsWith(signInPath)
    ? to
    : '/admin';
}

/** A field of a posted form; '' when it is missing or repeated. */
export function fieldOf(request: Request, name: string): string {
  const body: unknown = request.body;
  const value: unknown =
    typeof body === 'object' && body !== null ? Reflect.get(body, name) : undefined;
  return typeof value === 'string' ? value : '';
}

function basicPassword(request: Request): string | undefined {
  const [scheme, encoded] = (request.headers.authorization ?? '').split(' ', 2);
  if (scheme?.toLowerCase() !== 'basic' || !encoded) return undefined;
  const [, ...password] = Buffer.from(encoded, 'base64').toString('utf8').split(':');
  return password.join(':');
}

function show(response: Response, status: number, problem: string, onTo?: string): void {
  response.status(status).type('html').send(signInPage(problem, onTo));
}

const style = new Html(`${adminColours}
body { margin: 0; min-height: 100dvh; display: grid; place-items: center; background: var(--page); color: var(--text); }
form { box-sizing: border-box; width: min(23.5rem, calc(100vw - 3rem)); padding: 2rem 1.75rem; border-radius: 16px; background: var(--card); box-shadow: 0 8px 30px rgb(0 0 0 / .12); }
h1 { font-size: 1.25rem; margin: 0 0 1.25rem; display: flex; align-items: center; gap: .6rem; } h1 svg { width: 2rem; height: 2rem; } label { display: block; font-size: .875rem; margin-bottom: .375rem; }
input, button { box-sizing: border-box; width: 100%; font: inherit; padding: .7rem .85rem; border-radius: 10px; }
input { border: 1px solid var(--edge); background: var(--field); color: inherit; }
button { margin-top: 1rem; border: 0; background: var(--brand); color: #fff; font-weight: 600; cursor: pointer; }
p { margin: .75rem 0 0; color: var(--bad); }`);

const mark = new Html(logoMark);

/**
 * The sign-in form, with the problem of the last attempt. `onTo` is where it leads at once: from
 * our own page the browser sends the session's cookie, and without one the form comes again.
 */
function signInPage(problem: string, onTo: string | undefined): string {
  return html`<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">${onTo !== undefined && html`<meta http-equiv="refresh" content="0; url=${onTo}">`}<title>Sidepocket: sign in</title><link rel="icon" type="image/svg+xml" href="/icon.svg"><link rel="apple-touch-icon" href="/icon-192.png"><link rel="manifest" href="/manifest.webmanifest">
<style>${style}</style>
<main><form method="post"><input type="text" name="username" value="owner" autocomplete="username" hidden><h1>${mark}Sidepocket</h1><label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required autofocus>
<button>Sign in</button>${problem && html`<p role="alert">${problem}</p>`}</form></main></html>`
    .text;
}
