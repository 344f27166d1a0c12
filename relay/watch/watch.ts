import type { Log } from '../../shared/runtime/log.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import { retentionSeconds } from '../../shared/store/redis/retention.ts';
import type { Stores } from '../../shared/store/stores.ts';
import { createTurnRecords } from '../../shared/store/turns/records.ts';
import type { TurnRecords } from '../../shared/store/turns/records.ts';
import type { LinkHandler } from '../links/link-handler.ts';
import type { TurnStories } from '../admin/turns/turn-story.ts';
import { createTurnNews } from './turn-news.ts';
import type { TurnNews } from './turn-news.ts';
import { createPersonLook, createPersonParts, createWatchLinks } from './watch-links.ts';
import { createWatchedTurns } from './watched-turns.ts';

export type WatchDeps = {
  config: { RETENTION_DAYS: number; PRETEND_COSTS: boolean };
  stores: Pick<Stores, 'redis' | 'outbox' | 'conversations' | 'background' | 'allowed' | 'memory'>;
  stories: TurnStories;
  /** Wakes the worker if needed. */
  look: () => void;
  /** Aborts when the relay stops. */
  closing: AbortSignal;
  log: Log;
};

/** The live pages of turns: the links that lead to them, and what the owner's page of a turn uses. */
export type Watch = { links: LinkHandler; news: TurnNews; records: TurnRecords };

export function createWatch(deps: WatchDeps): Watch {
  const { config, stores, stories, look, closing, log } = deps;
  const { redis, outbox, conversations, background, allowed, memory } = stores;
  const records = createTurnRecords(redis, config.RETENTION_DAYS, memory);
  const news = createTurnNews(redis, log);
  const isPretend = config.PRETEND_COSTS;
  const lookOf = createPersonLook({ outbox, conversations, background, isPretend });
  const watched = createWatchedTurns({
    records,
    news,
    readStory: stories.read,
    write: createPersonParts(lookOf),
    closing,
    log,
  });
  const links = createWatchLinks({
    watched,
    conversationOf: async (turn) =>
      (await redis.hget(keys.turn(turn), 'conversation')) ?? undefined,
    records,
    outbox,
    allowed,
    lookOf,
    look,
    cookieSeconds: retentionSeconds(config.RETENTION_DAYS),
  });
  return { links, news, records };
}
