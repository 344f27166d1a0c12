import type { Queue } from 'bullmq';
import { Router } from 'express';
import type { RequestHandler, Response } from 'express';
import { lazy } from '../../shared/runtime/lazy.ts';

/**
 * Its colours and fonts are made ours. The queues have no workers while the computer sleeps, which
 * is no reason for red.
 */
const ownLook = `<style>
:root { --font-sans: system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; --font-mono: ui-monospace, SFMono-Regular, Menlo, monospace; --background: #f0f2f5; --foreground: #111b21; --card: #fff; --popover: #fff; --primary: #008069; --primary-foreground: #fff; --border: #e6e9ec; --muted-foreground: #4f5e68; --sidebar-accent: #e9edf0; --state-selected-foreground: #00604f; --sidebar-state-selected-foreground: #00604f; --status-failed: #b3261e; }
.dark-mode { --background: #0c1317; --foreground: #e9edef; --card: #182229; --popover: #182229; --primary: #2fd6a3; --primary-foreground: #0c1317; --border: #26343d; --muted-foreground: #9aa8b1; --status-failed: #f08a84; }
[class*="workersBadge"] { color: var(--muted-foreground) !important; }

.back-home { position: fixed; left: 1rem; bottom: 3rem; z-index: 100; padding: .45rem .8rem; border-radius: 9px; background: var(--primary); color: var(--primary-foreground); text-decoration: none; font: 500 .875rem/1.4 var(--font-sans); }
.back-home:focus-visible { outline: 3px solid var(--foreground); outline-offset: 2px; }
</style>`;

/** Its own links to other pages are in a menu. */
const wayBack =
  '<nav aria-label="Sidepocket"><a class="back-home" href="/admin">Back to the dashboard</a></nav>';

/**
 * Bull Board under `/admin/queues`, read-only: its own retry, promote and add would start a second
 * turn of a conversation. Loaded on first use, since it is large and the relay is small. `queues`
 * are read with each request: a home may have joined.
 */
export function createDashboard(queues: () => Promise<Queue[]>): Router {
  const board = lazy(load);
  const router = Router();
  router.use('/admin/queues', async (request, response, next) => {
    const [{ show, handler }, present] = await Promise.all([board(), queues()]);
    dress(response);
    show(present);
    handler(request, response, next);
  });
  return router;
}

/** Takes the foreign fonts out of its page, and puts our look in. */
function dress(response: Response): void {
  const send = response.send.bind(response);
  response.send = (body: unknown) =>
    send(
      typeof body === 'string' && body.startsWith('<!DOCTYPE html>')
        ? body
            .replace(/<link href="https:\/\/fonts\.googleapis\.com[^>]*>/, '')
            .replace('</head>', `${ownLook}</head>`)
            .replace('</body>', `${wayBack}</body>`)
        : body,
    );
}

type Board = { show(queues: Queue[]): void; handler: RequestHandler };

async function load(): Promise<Board> {
  const [{ createBullBoard }, { BullMQAdapter }, { ExpressAdapter }] = await Promise.all([
    import('@bull-board/api'),
    import('@bull-board/api/bullMQAdapter'),
    import('@bull-board/express'),
  ]);
  const serverAdapter = new ExpressAdapter();
  serverAdapter.setBasePath('/admin/queues');
  const { addQueue } = createBullBoard({
    queues: [],
    // Its class and its interface differ only in optional parameters that may be undefined.
    serverAdapter: serverAdapter as unknown as Parameters<
      typeof createBullBoard
    >[0]['serverAdapter'],
    options: {
      uiConfig: {
        boardTitle: 'Sidepocket',
        boardLogo: { path: '/icon.svg', width: 32, height: 32 },
        favIcon: { default: '/icon.svg', alternative: '/icon-192.png' },
        pollingInterval: { forceInterval: 5 },
      },
    },
  });
  const handler: RequestHandler = serverAdapter.getRouter();
  const shown = new Set<string>();
  return {
    handler,
    show(queues) {
      for (const queue of queues) {
        if (shown.has(queue.name)) continue;
        shown.add(queue.name);
        addQueue(new BullMQAdapter(queue, { readOnlyMode: true }));
      }
    },
  };
}
