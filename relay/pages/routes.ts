import { Router } from 'express';
import type { Log } from '../../shared/runtime/log.ts';
import type { Page, PageStore } from '../../shared/store/pages.ts';
import { answerPage, missingPage, plainRendering, unreadableChanges } from './answer-page.ts';
import { documentHeaders } from './document.ts';
import type { PageRenderer } from './renderer.ts';

/**
 * How long a browser may cache a page (seconds): a page never changes, except a page that grows
 * while a turn works.
 */
const freshSeconds = 3600;

/**
 * `GET /page/:token` (and HEAD): a long answer as a web page, for a reader with its signed and
 * expiring address. Anything else is an error page with 404.
 */
export function createPages(
  pages: PageStore,
  renderer: PageRenderer,
  log: Log,
  now: () => number = Date.now,
): Router {
  const router = Router();
  router.get('/page/:token', async (request, response) => {
    const page = await pages.find(request.params.token);
    const freshFor =
      page && !page.grows
        ? Math.min(Math.floor((page.expires.getTime() - now()) / 1000), freshSeconds)
        : 0;
    const { html, headers } = page
      ? await write(page, renderer, log)
      : { html: missingPage(), headers: documentHeaders };
    response
      .status(page ? 200 : 404)
      .set(headers)
      .set('Cache-Control', freshFor > 0 ? `private, max-age=${freshFor}` : 'private, no-store');
    if (request.method === 'HEAD') response.end();
    else response.end(html);
  });
  return router;
}

async function write(
  page: Page,
  renderer: PageRenderer,
  log: Log,
): Promise<ReturnType<typeof answerPage>> {
  try {
    return answerPage(page, await renderer.render(page.markdown, page.form));
  } catch (error) {
    log.warn(
      { err: error, characters: page.markdown.length },
      'a page could not be laid out: it is shown as plain text',
    );
    if (page.form === 'changes') return answerPage(page, unreadableChanges);
    return answerPage(page, plainRendering(page.markdown));
  }
}
