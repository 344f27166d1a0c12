import type { RequestHandler } from 'express';

/** Methods that change nothing. */
const safeMethods = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Refuses what a page of another origin sends, be it another port of the same machine, whose
 * cookies are shared (CSRF). Browsers say with every POST where it comes from; what says nothing of
 * it is no browser. `publicUrl` is how the world reaches the relay, should a proxy rename the host.
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
