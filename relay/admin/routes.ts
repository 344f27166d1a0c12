import express, { Router } from 'express';
import type { Request, RequestHandler } from 'express';
import { lazy } from '../../shared/runtime/lazy.ts';
import type { Log } from '../../shared/runtime/log.ts';
import type { FailedMessages } from '../../shared/store/boxes/failed-messages.ts';
import { readDirectory } from '../../shared/store/people/directory.ts';
import type { VmKeeper } from '../wake/vm.ts';
import type { StartedMove } from '../people/start-move.ts';
import type { Cleaning } from './cleaning.ts';
import { counted } from './frame/format-measures.ts';
import type { Frame } from './frame/layout.ts';
import { problemPage } from './frame/problem-page.ts';
import { createLive } from './live.ts';
import { nonceOf } from './nonce.ts';
import type { PageSources, View } from './pages.ts';
import type { AdminSessions } from './session.ts';
import { fieldOf } from './sign-in.ts';
import { isTurnId } from './turns/find-turn.ts';
import { stopId } from '../../shared/store/message.ts';
import type { Intake } from '../../shared/store/boxes/intake.ts';
import { isUnderWay } from '../watch/turn-view.ts';
import type { TurnNews } from '../watch/turn-news.ts';

export type AdminDeps = {
  sessions: AdminSessions;
  sources: PageSources;
  /** What the dashboard may change, and who learns that the worker may have new work. */
  actions: {
    failed: FailedMessages;
    clean: Cleaning;
    keeper: Pick<VmKeeper, 'look'>;
    /** Begins to move a conversation's person; undefined for an unknown one. */
    move: (conversation: string, to: string) => Promise<StartedMove | undefined>;
    accept: Intake;
  };
  /** Tells of what happens in a turn. */
  news: TurnNews;
  /** Whether the dashboard may change anything. */
  mayWrite: boolean;
  /** Whether the amounts of money are those of a model that costs nothing. */
  isPretend: boolean;
  /** Aborts when the relay stops. */
  closing: AbortSignal;
  log: Log;
};

/** The pages are loaded with the first request for one: they are large, and the relay is small. */
const loadPages = lazy(async () => ({
  ...(await import('./pages.ts')),
  ...(await import('./frame/layout.ts')),
}));

/**
 * Our own pages under `/admin`, mounted behind the sign-in, and with `mayWrite` the actions on
 * them.
 */
export function createAdmin(parts: AdminDeps): Router {
  const { sessions, sources, closing } = parts;
  const router = Router();
  const viewOf = async (request: Request, nonce: string, said: string): Promise<View> => {
    const directory = await readDirectory(sources.redis);
    const names = new Map(
      directory.people.flatMap(({ conversations, name }) =>
        name === undefined ? [] : conversations.map((one) => [one, name] as const),
      ),
    );
    const frame: Frame = {
      token: sessions.formToken(request),
      nonce,
      mayWrite: parts.mayWrite,
      isPretend: parts.isPretend,
      said,
      zone: directory.timezone ?? 'UTC',
      now: Date.now(),
      nameOf: (conversation) => names.get(conversation),
    };
    return { frame, directory };
  };
  router.get(
    '/admin/live',
    createLive({
      closing,
      isSignedIn: sessions.isSignedIn,
      follow({ pathname }, onNews) {
        const turn = decodeURIComponent(/^\/admin\/turns\/([^/%]+)$/.exec(pathname)?.[1] ?? '');
        return isTurnId(turn) ? parts.news.follow(turn, onNews) : undefined;
      },
      async write(request, address) {
        const { writePage, asOf } = await loadPages();
        const view = await viewOf(request, '', '');
        const page = await writePage(address, view, sources);
        if (!page || 'redirect' in page) return undefined;
        return { content: page.content.text, footer: asOf(view.frame) };
      },
    }),
  );
  router.use('/admin', async (request, response, next) => {
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    if (!isRead || request.path === '/queues' || request.path.startsWith('/queues/')) return next();
    const { writePage, adminPage } = await loadPages();
    const view = await viewOf(request, nonceOf(response), saidBy(request.query['done']));
    const page = await writePage(new URL(request.originalUrl, 'http://localhost'), view, sources);
    response.set('Cache-Control', 'no-store');
    if (!page)
      response
        .status(404)
        .type('html')
        .send(
          problemPage('This is not here', 'Either it never was, or it is no longer kept.', [
            '/admin',
            'To the overview',
          ]),
        );
    else if ('redirect' in page) response.redirect(303, page.redirect);
    else response.type('html').send(adminPage(page, view.frame, page.content));
  });
  addActions(router, parts);
  return router;
}

function addActions(
  router: Router,
  { sessions, sources, actions, mayWrite, log }: AdminDeps,
): void {
  const { failed, clean, keeper, move, accept } = actions;
  router.use(
    ['/admin/turns', '/admin/clean', '/admin/people'],
    express.urlencoded({ extended: false, limit: '8kb' }),
    onlyOurForms(sessions, mayWrite),
  );
  router.post('/admin/turns/:id/retry', async (request, response, next) => {
    const { id } = request.params;
    const story = isTurnId(id) ? await sources.stories.read(id) : undefined;
    if (!story) return next();
    const { conversation } = story.turn;
    const count = await failed.retry(
      conversation,
      story.retryable,
      fieldOf(request, 'note').trim(),
    );
    log.info({ turn: id, conversation, messages: count }, 'retried by the owner');
    if (count > 0) keeper.look();
    response.redirect(303, `/admin/turns/${id}?done=retried-${count}`);
  });
  router.post('/admin/people/:conversation/move', async (request, response, next) => {
    const { conversation } = request.params;
    const to = fieldOf(request, 'to');
    const started = await move(conversation, to);
    if (!started) return next();
    const page = `/admin/people/${encodeURIComponent(conversation)}`;
    if ('refusal' in started)
      return response
        .status(409)
        .type('html')
        .send(problemPage('They stay where they are', started.refusal, [page, 'Back']));
    log.info({ conversation, from: started.from, to: started.to }, 'a move asked by the owner');
    response.redirect(303, `${page}?done=moving-1`);
  });
  router.post('/admin/turns/:id/stop', async (request, response, next) => {
    const { id } = request.params;
    const story = isTurnId(id) ? await sources.stories.read(id) : undefined;
    if (!story) return next();
    const { conversation } = story.turn;
    const goesOn = isUnderWay(story);
    if (goesOn) {
      await accept({
        id: stopId(conversation, id),
        conversation,
        at: new Date().toISOString(),
        // For the thread; Claude does not get it.
        text: 'Stop, from the dashboard',
        media: [],
        human: false,
        stops: id,
      });
      log.info({ turn: id, conversation }, 'stopped by the owner');
      keeper.look();
    }
    response.redirect(303, `/admin/turns/${id}?done=stopped-${goesOn ? 1 : 0}`);
  });
  router.post('/admin/clean/:what', async (request, response, next) => {
    const { what } = request.params;
    if (what !== 'completed' && what !== 'failed') return next();
    const count = await clean(what);
    log.info({ what, jobs: count }, 'jobs removed by the owner');
    response.redirect(303, `/admin?done=removed-${count}`);
  });
}

/** Changes require a POST from a form of ours. */
function onlyOurForms(sessions: AdminSessions, mayWrite: boolean): RequestHandler {
  return (request, response, next) => {
    if (request.method === 'GET' || request.method === 'HEAD') return next();
    const refuse = (title: string, advice: string): unknown =>
      response
        .status(403)
        .type('html')
        .send(problemPage(title, advice, ['/admin', 'To the overview']));
    if (!mayWrite)
      refuse(
        'This dashboard is for reading',
        'Set ADMIN_WRITE=1 for the relay to change something here.',
      );
    else if (sessions.isOurForm(request, fieldOf(request, 'token'))) next();
    else refuse('This form is too old', 'Load the page again and repeat it.');
  };
}

/** The result of the last action, in words; '' when the address names none. */
function saidBy(done: unknown): string {
  const [, what, number] =
    /^(retried|removed|moving|stopped)-(\d{1,6})$/.exec(typeof done === 'string' ? done : '') ?? [];
  const count = Number(number);
  if (what === 'moving') return 'On the way. They hear of it when they have arrived.';
  if (what === 'stopped') return count === 0 ? 'It was over already.' : 'It is being stopped.';
  if (what === 'removed') return `${counted(count, 'job')} removed.`;
  if (what === 'retried')
    return count === 0
      ? 'There was nothing left to try again.'
      : `${counted(count, 'message')} back in line. Claude takes ${count === 1 ? 'it' : 'them'} up now.`;
  return '';
}
