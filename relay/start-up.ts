import { once } from 'node:events';
import type { Shutdown, Running } from '../shared/runtime/lifecycle.ts';
import type { Log } from '../shared/runtime/log.ts';
import { sweep } from '../shared/store/boxes/sweep.ts';
import { beginEpoch } from '../shared/store/redis/epoch.ts';
import { checkRedis } from '../shared/store/redis/redis-check.ts';
import { createDashboardNote } from '../shared/store/dashboard.ts';
import type { Backfill } from './backfill.ts';
import type { AllowList } from './people/allow-list.ts';
import { createMembership } from './people/membership.ts';
import type { Stores } from '../shared/store/stores.ts';
import type { VmKeeper } from './wake/vm.ts';

/** The pause before a failed step is retried (ms). */
const againMs = 2000;

/** Runs the steps in order, each until it succeeds: no failure requires a manual restart. */
function beginInOrder(steps: (() => Promise<void>)[], log: Log): Running {
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  const run = async (index: number): Promise<void> => {
    const step = steps[index];
    if (!step || stopped) return;
    try {
      await step();
    } catch (error) {
      log.warn({ err: error, step: index + 1, of: steps.length }, 'start-up step failed: retrying');
      if (!stopped) timer = setTimeout(() => void run(index), againMs);
      return;
    }
    await run(index + 1);
  };
  void run(0);
  return {
    async stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}

export type StartUpDeps = {
  stores: Stores;
  list: AllowList;
  keeper: VmKeeper;
  backfill: Backfill;
  hasDashboard: boolean;
  log: Log;
};

/**
 * The steps that follow once Redis answers. Redis may still be away, or full: the relay answers all
 * the same, and the steps run when they can.
 */
export function startUp(deps: StartUpDeps, shutdown: Shutdown): Running {
  const { stores, list, keeper, backfill, log } = deps;
  const { redis } = stores;
  const settleMembership = createMembership({ stores, list, log });
  const dashboard = createDashboardNote(redis);
  const reconcileMembership = async (): Promise<void> => {
    await Promise.all([dashboard.note(deps.hasDashboard), settleMembership()]);
  };
  const onReady = (): void =>
    void reconcileMembership().catch((error: unknown) =>
      log.warn({ err: error }, 'could not publish the allow list'),
    );
  /** A full Redis delays only this step. */
  const orLater = (name: string, step: () => Promise<void>): Promise<void> =>
    step().catch(() => {
      const settling = beginInOrder([step], log);
      shutdown.add(name, () => settling.stop());
    });
  return beginInOrder(
    [
      async () => {
        if (redis.status !== 'ready') await once(redis, 'ready');
      },
      () => checkRedis(redis, log),
      async () => void (await beginEpoch(redis)),
      () => orLater('sums', () => stores.spend.recount(Date.now())),
      async () => {
        // Before the sweep: a removed person's waiting messages get no turn.
        await orLater('list of people', reconcileMembership);
        // After a reconnect, Redis may be an older copy.
        redis.on('ready', onReady);
        shutdown.add('list of people', () => redis.off('ready', onReady));
      },
      async () => void (await sweep(stores, log, await stores.homes.suffixes())),
      async () => {
        const keeping = await keeper.start();
        shutdown.add('VM keeper', () => keeping.stop());
      },
      async () => {
        const repairing = backfill.start();
        redis.on('ready', backfill.redisIsBack);
        shutdown.add('backfill', () => repairing.stop());
      },
    ],
    log,
  );
}
