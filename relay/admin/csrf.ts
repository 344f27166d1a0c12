import type { RequestHandler } from 'express';

/** Safe methods: they change nothing. */
const safeMethods = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Refuses requests from pages of another origin, including another port of the same machine, whose
 * cookies are shared (CSRF). Browsers send the origin with every POST; a client that omits it is
 * not a browser. `publicUrl` is the relay's public address, since a proxy may rename the host.
 */
export function refuseOtherOrigins(publicUrl: string): RequestHandler {
  const publicHost = new URL(publicUrl).host;
  return (request, response, next) => {
    if (safeMethods.has(request.method)) return next();
    const { origin, host } = request.headers;
    const site = request.headers['sec-fetch-site'];
    const isOwn =
      origin === undefined ||
      (URL.canParse(origin) && [host, publicHost].includes(new URL(origin).host));
    if (isOwn && (site === undefined || site === 'same-origin' || site === 'none')) return next();
    response.status(403).type('text').send('This form belongs to another site.');
  };
}
