import type { RequestListener } from 'node:http';
import type { Log } from '../../shared/runtime/log.ts';
import { lazy } from '../../shared/runtime/lazy.ts';

/**
 * Loads the site with `create` on the first request. Express and its dependencies are most of the
 * relay's code, and Twilio's webhooks need none of it. If loading fails, the next request tries
 * again.
 */
export function createLazySite(create: () => Promise<RequestListener>, log: Log): RequestListener {
  let site: RequestListener | undefined;
  const load = lazy(async () => (site = await create()));
  return (request, response) => {
    if (site) return void site(request, response);
    load().then(
      (loaded) => void loaded(request, response),
      (error: unknown) => {
        log.error({ err: error }, 'a part of the relay could not be loaded');
        response
          .writeHead(503, { 'Content-Type': 'text/plain; charset=utf-8', 'Retry-After': '1' })
          .end('That did not work. Try again in a moment.');
      },
    );
  };
}
