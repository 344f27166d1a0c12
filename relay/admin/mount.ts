import type { Router } from 'express';
import { createFailedMessages } from '../../shared/store/boxes/failed-messages.ts';
import { judgePassword } from '../../shared/runtime/env.ts';
import type { ProxyTrust } from '../../shared/runtime/address-ranges.ts';
import type { Log } from '../../shared/runtime/log.ts';
import type { Stores } from '../../shared/store/stores.ts';
import { createDashboard } from './bull-board.ts';
import type { Samples } from '../metric-samples.ts';
import { createAdmin } from './routes.ts';
import { createCleaning } from './cleaning.ts';
import { readOverview } from './overview.ts';
import { createPassword } from './password.ts';
import { createAdminSessions } from './session.ts';
import { createSignIn } from './sign-in.ts';
import { createTurnStories } from './turn-story.ts';
import type { VmKeeper } from '../wake/vm.ts';

export type AdminMountParts = {
  config: {
    ADMIN_PASSWORD?: string | undefined;
    ADMIN_WRITE: boolean;
    PRETEND_COSTS: boolean;
    PUBLIC_URL: string;
    TRUST_PROXY: ProxyTrust;
  };
  stores: Pick<Stores, 'redis' | 'turns' | 'deliveries' | 'schedules' | 'spend'>;
  acks: Samples;
  versions: [name: string, version: string][];
  /** Learns that the worker may have new work. */
  keeper: Pick<VmKeeper, 'look'>;
  log: Log;
};

/**
 * Everything under `/admin`: the sign-in, and behind it our own pages and Bull Board. Undefined
 * without a password.
 */
export async function createAdminMount({
  config,
  stores,
  acks,
  versions,
  keeper,
  log,
}: AdminMountParts): Promise<{ signIn: Router; pages: Router; dashboard: Router } | undefined> {
  const { redis, turns, deliveries, schedules, spend } = stores;
  if (config.ADMIN_PASSWORD === undefined) return undefined;
  const weakness = judgePassword(config.ADMIN_PASSWORD);
  const password = await createPassword(config.ADMIN_PASSWORD);
  const sessions = createAdminSessions(password, config.PUBLIC_URL.startsWith('https:'), redis);
  const failed = createFailedMessages(redis, turns);
  const queues = [turns.queue, deliveries.queue, schedules.queue];
  return {
    signIn: createSignIn({
      password,
      sessions,
      publicUrl: config.PUBLIC_URL,
      proxies: config.TRUST_PROXY,
    }),
    pages: createAdmin({
      sessions,
      actions: { failed, clean: createCleaning(redis, queues), keeper },
      log,
      overview: () => readOverview({ redis, turns, spend, acks, versions }, Date.now()),
      stories: createTurnStories(redis, turns, failed),
      mayWrite: config.ADMIN_WRITE,
      isPretend: config.PRETEND_COSTS,
      warning:
        weakness && `The password of this dashboard ${weakness}. Set a longer ADMIN_PASSWORD.`,
    }),
    dashboard: createDashboard(queues),
  };
}
