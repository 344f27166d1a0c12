import { randomBytes } from 'node:crypto';
import type { RequestHandler } from 'express';

/** Gives a response a nonce for its script, which its Content-Security-Policy names. */
export const giveNonce: RequestHandler = (_request, response, next) => {
  response.locals['nonce'] = randomBytes(16).toString('base64');
  next();
};

/** The nonce of a response; '' without one. */
export function nonceOf(response: object): string {
  const locals: unknown = Reflect.get(response, 'locals');
  const nonce: unknown =
    typeof locals === 'object' && locals !== null ? Reflect.get(locals, 'nonce') : undefined;
  return typeof nonce === 'string' ? nonce : '';
}
