import type { Queue } from 'bullmq';
import { Router } from 'express';
import type { RequestHandler } from 'express';
import { lazy } from '../../shared/runtime/lazy.ts';

/**
 * Bull Board under `/admin/queues`, read-only: its own retry, promote and add would start a second
 * turn of a conversation. Loaded on first use, since it is large and the relay is small.
 */
export function createDashboard(queues: Queue[]): Router {
  const board = lazy(() => load(queues));
  const router = Router();
  router.use('/admin/queues', async (request, response, next) => {
    (await board())(request, response, next);
  });
  return router;
}

async function load(queues: Queue[]): Promise<RequestHandler> {
  const [{ createBullBoard }, { BullMQAdapter }, { ExpressAdapter }] = await Promise.all([
    import('@bull-board/api'),
    import('@bull-board/api/bullMQAdapter'),
    import('@bull-board/express'),
  ]);
  const serverAdapter = new ExpressAdapter();
  serverAdapter.setBasePath('/admin/queues');
  createBullBoard({
    queues: queues.map((queue) => new BullMQAdapter(queue, { readOnlyMode: true })),
    // Its class and its interface differ only in optional parameters that may be undefined.
    serverAdapter: serverAdapter as unknown as Parameters<
      typeof createBullBoard
    >[0]['serverAdapter'],
    options: { uiConfig: { boardTitle: 'Sidepocket', pollingInterval: { forceInterval: 5 } } },
  });
  const handler: RequestHandler = serverAdapter.getRouter();
  return handler;
}
