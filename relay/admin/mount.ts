import type { Queue } from 'bullmq';
import { Router } from 'express';
import type { Placement } from '../../shared/store/boxes/intake.ts';
import type { FailedMessages } from '../../shared/store/boxes/failed-messages.ts';
import type { Intake } from '../../shared/store/boxes/intake.ts';
import { judgePassword } from '../../shared/runtime/env.ts';
import type { ProxyTrust } from '../../shared/runtime/address-ranges.ts';
import type { MessageFees } from '../../shared/runtime/prices/message-fees.ts';
import type { Log } from '../../shared/runtime/log.ts';
import type { Stores } from '../../shared/store/stores.ts';
import { createThreads } from '../../shared/store/turns/thread.ts';
import type { TurnRecords } from '../../shared/store/turns/records.ts';
import type { TurnList } from '../../shared/store/turns/turn-list.ts';
import type { MediaFetch } from '../../shared/twilio/media.ts';
import { createDashboard } from './bull-board.ts';
import type { Samples } from '../metric-samples.ts';
import { createPeopleStore } from '../../shared/store/people.ts';
import { homeNamePattern } from '../../shared/store/homes/home-name.ts';
import { startMove } from '../people/start-move.ts';
import type { StartedMove } from '../people/start-move.ts';
import { createAdmin } from './routes.ts';
import { createAdminFiles } from './files.ts';
import { createCleaning } from './cleaning.ts';
import { readOverview } from './overview.ts';
import { createPassword } from './password.ts';
import { createAdminSessions } from './session.ts';
import { createSignIn } from './sign-in.ts';
import type { TurnStories } from './turns/turn-story.ts';
import type { TurnNews } from '../watch/turn-news.ts';
import type { VmKeeper } from '../wake/vm.ts';

export type AdminMountDeps = {
  config: {
    ADMIN_PASSWORD?: string | undefined;
    ADMIN_WRITE: boolean;
    PRETEND_COSTS: boolean;
    PLACEMENT: Placement;
    PUBLIC_URL: string;
    TRUST_PROXY: ProxyTrust;
    MESSAGE_FEES: MessageFees;
    BUDGET_USD_PER_MONTH?: number | undefined;
    VM_USD_PER_HOUR?: number | undefined;
    IDLE_USD_PER_MONTH?: number | undefined;
  };
  stores: Pick<
    Stores,
    'redis' | 'turns' | 'deliveries' | 'schedules' | 'spend' | 'sessions' | 'files' | 'homes'
  >;
  /** What is known of turns, the news and records of those that are watched, and how one is stopped. */
  turns: {
    list: TurnList;
    failed: FailedMessages;
    stories: TurnStories;
    news: TurnNews;
    records: TurnRecords;
    accept: Intake;
  };
  acks: Samples;
  versions: [name: string, version: string][];
  /** Learns that the worker may have new work. */
  keeper: Pick<VmKeeper, 'look'>;
  /** Fetches a picture that a person has sent. */
  fetchMedia: MediaFetch;
  /** Aborts when the relay stops. */
  closing: AbortSignal;
  log: Log;
};

/**
 * Everything under `/admin`: the sign-in, and behind it our own pages and Bull Board. Undefined
 * without a password.
 */
export async function createAdminMount(
  parts: AdminMountDeps,
): Promise<{ signIn: Router; pages: Router; dashboard: Router } | undefined> {
  const { config, stores, acks, versions, keeper, closing, fetchMedia, log } = parts;
  const { redis, turns, deliveries, schedules, spend, sessions: kept, files, homes } = stores;
  const { list, failed, stories, news, records, accept } = parts.turns;
  if (config.ADMIN_PASSWORD === undefined) return undefined;
  const weakness = judgePassword(config.ADMIN_PASSWORD);
  const password = await createPassword(config.ADMIN_PASSWORD);
  const sessions = createAdminSessions(password, config.PUBLIC_URL.startsWith('https:'), redis);
  const queues = async (): Promise<Queue[]> =>
    (await homes.suffixes()).flatMap((home) => [
      turns.queueOf(home),
      deliveries.queueOf(home),
      schedules.queueOf(home),
    ]);
  const move = async (conversation: string, to: string): Promise<StartedMove | undefined> => {
    const person = await createPeopleStore(redis).find(conversation);
    if (!person?.conversations.includes(conversation)) return undefined;
    // Another home must be named: none is picked.
    if (!homeNamePattern.test(to)) return { refusal: 'Choose a computer first.' };
    const wanted = { to, placement: config.PLACEMENT, by: 'owner' };
    return await startMove({ redis, turns }, person, wanted);
  };
  const admin = createAdmin({
    sessions,
    actions: { failed, clean: createCleaning(redis, queues), keeper, move, accept },
    news,
    log,
    closing,
    sources: {
      redis,
      spend,
      sessions: kept,
      list,
      threads: createThreads(redis),
      stories,
      records,
      overview: (now, zone) =>
        readOverview({ redis, list, homes, spend, acks, versions }, now, zone),
      warning:
        weakness && `The password of this dashboard ${weakness}. Set a longer ADMIN_PASSWORD.`,
      prices: {
        fees: config.MESSAGE_FEES,
        usdPerHour: config.VM_USD_PER_HOUR,
        idleUsd: config.IDLE_USD_PER_MONTH,
        budgetUsd: config.BUDGET_USD_PER_MONTH,
      },
    },
    mayWrite: config.ADMIN_WRITE,
    isPretend: config.PRETEND_COSTS,
  });
  return {
    signIn: createSignIn({
      password,
      sessions,
      publicUrl: config.PUBLIC_URL,
      proxies: config.TRUST_PROXY,
    }),
    pages: Router().use(createAdminFiles({ redis, files, records, fetchMedia, log }), admin),
    dashboard: createDashboard(queues),
  };
}
