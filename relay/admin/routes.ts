import express, { Router } from 'express';
import type { Request, RequestHandler } from 'express';
import type { FailedMessages } from '../../shared/store/boxes/failed-messages.ts';
import type { Log } from '../../shared/runtime/log.ts';
import { isMessageId } from '../../shared/store/message.ts';
import type { AdminSessions } from './session.ts';
import { adminPage } from './layout.ts';
import type { Cleaning } from './cleaning.ts';
import { html } from './html.ts';
import { counted } from './format-measures.ts';
import type { Overview } from './overview.ts';
import { overviewPage } from './overview-page.ts';
import type { OverviewFrame } from './overview-page.ts';
import { fieldOf } from './sign-in.ts';
import { turnPage } from './turn-page.ts';
import type { TurnStories } from './turn-story.ts';
import type { VmKeeper } from '../wake/vm.ts';

export type AdminParts = {
  sessions: AdminSessions;
  overview: () => Promise<Overview>;
  stories: TurnStories;
  /** What the dashboard may change, and who learns that the worker may have new work. */
  actions: { failed: FailedMessages; clean: Cleaning; keeper: Pick<VmKeeper, 'look'> };
  /** Whether the dashboard may change anything. */
  mayWrite: boolean;
  /** Whether the amounts of money are those of a model that costs nothing. */
  isPretend: boolean;
  /**
   * A problem of this dashboard for the owner to fix, as a sentence; undefined without a problem.
   */
  warning: string | undefined;
  log: Log;
};

/** Whether this is a turn's id: that of the message that started it, or a number of BullMQ's. */
const isTurnId = (id: string): boolean => isMessageId(id) || /^\d{1,16}$/.test(id);

/**
 * Our own pages under `/admin`, mounted behind the sign-in: the overview, each turn, and with
 * `mayWrite` the actions on them.
 */
export function createAdmin(parts: AdminParts): Router {
  const { sessions, overview, stories, actions, mayWrite, isPretend, warning, log } = parts;
  const { failed, clean, keeper } = actions;
  const router = Router();
  const frame = (request: Request): Omit<OverviewFrame, 'warning'> => ({
    token: sessions.formToken(request),
    mayWrite,
    isPretend,
    said: saidBy(request.query['done']),
  });
  const notHere = (request: Request): string =>
    adminPage(
      { title: 'Not here', path: '', token: sessions.formToken(request) },
      html`<section class="card"><h1>This turn is not here</h1><p class="soft">Either it never was, or it is no longer kept.</p></section>`,
    );

  router.get(
    '/admin',
    async (request, response) =>
      void response
        .set('Cache-Control', 'no-store')
        .type('html')
        .send(overviewPage(await overview(), { ...frame(request), warning })),
  );
  router.get('/admin/turns/:id', async (request, response) => {
    const { id } = request.params;
    const story = isTurnId(id) ? await stories.read(id) : undefined;
    response
      .status(story ? 200 : 404)
      .set('Cache-Control', 'no-store')
      .type('html')
      .send(story ? turnPage(story, frame(request)) : notHere(request));
  });

  router.use(
    ['/admin/turns', '/admin/clean'],
    express.urlencoded({ extended: false, limit: '4kb' }),
    onlyOurForms(sessions, mayWrite),
  );
  router.post('/admin/turns/:id/retry', async (request, response, next) => {
    const { id } = request.params;
    const story = isTurnId(id) ? await stories.read(id) : undefined;
    if (!story) return next();
    const count = await failed.retry(story.conversation, story.retryable);
    log.info(
      { turn: id, conversation: story.conversation, messages: count },
      'retried by the owner',
    );
    if (count > 0) keeper.look();
    response.redirect(303, `/admin/turns/${id}?done=retried-${count}`);
  });
  router.post('/admin/clean/:what', async (request, response, next) => {
    const { what } = request.params;
    if (what !== 'completed' && what !== 'failed') return next();
    const count = await clean(what);
    log.info({ what, jobs: count }, 'jobs removed by the owner');
    response.redirect(303, `/admin?done=removed-${count}`);
  });
  return router;
}

/** Changes require a POST from a form of ours. */
function onlyOurForms(sessions: AdminSessions, mayWrite: boolean): RequestHandler {
  return (request, response, next) => {
    if (request.method === 'GET' || request.method === 'HEAD') return next();
    if (!mayWrite)
      response
        .status(403)
        .type('text')
        .send(
          'This dashboard is for reading. Set ADMIN_WRITE=1 for the relay to change something here.',
        );
    else if (sessions.isOurForm(request, fieldOf(request, 'token'))) next();
    else
      response
        .status(403)
        .type('text')
        .send('This form is too old. Load the page again and repeat it.');
  };
}

/** The result of the last action, in words; '' when the address names none. */
function saidBy(done: unknown): string {
  const [, what, number] =
    /^(retried|removed)-(\d{1,6})$/.exec(typeof done === 'string' ? done : '') ?? [];
  const count = Number(number);
  if (what === 'removed') return `${counted(count, 'job')} removed.`;
  if (what === 'retried')
    return count === 0
      ? 'There was nothing left to try again.'
      : `${counted(count, 'message')} back in line. Claude takes ${count === 1 ? 'it' : 'them'} up now.`;
  return '';
}
