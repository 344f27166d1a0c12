import express, { Router } from 'express';
import type { Request, RequestHandler, Response } from 'express';
import type { ProxyTrust } from '../../shared/address-ranges.ts';
import { originOf } from '../address.ts';
import type { AdminSessions } from './session.ts';
import { createAllowance } from '../allowance.ts';
import type { Password } from './password.ts';
import { refuseOtherOrigins } from './same-origin.ts';
import { signInPage } from './sign-in-page.ts';

/** Where the form is; everything else under `/admin` asks for it. */
const signInPath = '/admin/sign-in';

/** Wrong attempts a minute: from one address, and from all together, since whoever has many addresses must not guess on. */
const wrongPerAddress = 10;
const wrongInAll = 100;

export type SignInParts = {
  password: Password;
  sessions: AdminSessions;
  /** How the world reaches the relay. */
  publicUrl: string;
  /** Which machines that connect are proxies. */
  proxies: ProxyTrust;
};

/** Guards everything under `/admin` and `/metrics` that is mounted behind it: a form and a signed cookie for people, Basic auth (any user name) for scripts. */
export function createSignIn({ password, sessions, publicUrl, proxies }: SignInParts): Router {
  const attempt = createAttempts(password, proxies);
  const router = Router();
  router.use('/admin', refuseOtherOrigins(publicUrl), sessions.cookie);

  router.get(signInPath, (request, response) => {
    if (sessions.isSignedIn(request)) return response.redirect(303, wanted(request));
    show(response, 200, '');
  });
  router.post(signInPath, express.urlencoded({ extended: false, limit: '4kb' }), async (request, response) => {
    const outcome = await attempt(request, fieldOf(request, 'password'));
    if (outcome === 'wrong') return show(response, 401, 'That is not the password.');
    if (outcome === 'too many') return show(response.set('Retry-After', '60'), 429, 'Too many attempts. Try again in a minute.');
    sessions.begin(request);
    response.redirect(303, wanted(request));
  });
  router.post('/admin/sign-out', express.urlencoded({ extended: false, limit: '4kb' }), (request, response) => {
    // Only our own page may sign somebody out; without a session there is nothing to do.
    if (sessions.isSignedIn(request) && sessions.isOurForm(request, fieldOf(request, 'token'))) sessions.end(request);
    response.redirect(303, signInPath);
  });
  router.use(['/admin', '/metrics'], guard(sessions, attempt));
  return router;
}

type Outcome = 'right' | 'wrong' | 'too many';

/** Tries a password; what turns out right does not count. */
function createAttempts(password: Password, proxies: ProxyTrust): (request: Request, attempt: string) => Promise<Outcome> {
  const [byAddress, inAll] = [createAllowance(wrongPerAddress), createAllowance(wrongInAll)];
  return async (request, attempt) => {
    const origin = originOf(request, proxies);
    if (!byAddress.take(origin)) return 'too many';
    if (!inAll.take('all')) return 'too many';
    if (!(await password.isRight(attempt))) return 'wrong';
    byAddress.giveBack(origin);
    inAll.giveBack('all');
    return 'right';
  };
}

function guard(sessions: AdminSessions, attempt: (request: Request, password: string) => Promise<Outcome>): RequestHandler {
  return async (request, response, next) => {
    if (sessions.isSignedIn(request)) return next();
    const basic = basicPassword(request);
    if (basic === undefined) {
      if (request.accepts(['html', 'json']) === 'html') response.redirect(303, `${signInPath}?${new URLSearchParams({ to: request.method === 'GET' ? request.originalUrl : '/admin' }).toString()}`);
      else response.status(401).set('WWW-Authenticate', 'Basic realm="Sidepocket"').json({ error: 'sign in' });
      return;
    }
    const outcome = await attempt(request, basic);
    if (outcome === 'right') next();
    else if (outcome === 'too many') response.status(429).set('Retry-After', '60').type('text').send('Too many attempts. Try again in a minute.');
    else response.status(401).set('WWW-Authenticate', 'Basic realm="Sidepocket"').type('text').send('That is not the password.');
  };
}

/** Where a sign-in leads: to the page that was asked for, if it is one of ours. */
function wanted(request: Request): string {
  const { to } = request.query;
  return typeof to === 'string' && /^\/admin(?:[/?][\w./?=&%+-]*)?$/.test(to) && !to.startsWith(signInPath) ? to : '/admin';
}

/** A field of a posted form; '' when it is missing or comes twice. */
export function fieldOf(request: Request, name: string): string {
  const body: unknown = request.body;
  const value: unknown = typeof body === 'object' && body !== null ? Reflect.get(body, name) : undefined;
  return typeof value === 'string' ? value : '';
}

function basicPassword(request: Request): string | undefined {
  const [scheme, encoded] = (request.headers.authorization ?? '').split(' ', 2);
  if (scheme?.toLowerCase() !== 'basic' || !encoded) return undefined;
  const [, ...password] = Buffer.from(encoded, 'base64').toString('utf8').split(':');
  return password.join(':');
}

function show(response: Response, status: number, problem: string): void {
  response.status(status).type('html').send(signInPage(problem));
}
