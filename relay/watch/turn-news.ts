import { keys } from '../../shared/store/redis/keys.ts';
import { demotedEvent } from '../../shared/store/redis/redis.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import type { Log } from '../../shared/runtime/log.ts';

/**
 * Tells of what is added to the records of turns. There is one connection for all of them, and one
 * subscription for each turn that is followed; without a follower there is neither.
 */
export type TurnNews = {
  /**
   * Calls `onNews` whenever something may have been added, also after a broken connection. Returns
   * what ends that.
   */
  follow(turn: string, onNews: () => void): () => void;
  /** How many turns are followed. */
  count(): number;
};

export function createTurnNews(redis: Redis, log: Log): TurnNews {
  const followers = new Map<string, Set<() => void>>();
  let subscriber: Redis | undefined;

  const tell = (channel: string): void => {
    for (const onNews of followers.get(channel) ?? []) onNews();
  };
  // A subscriber never writes, so it would stay connected to a demoted Redis.
  const reconnect = (): void => subscriber?.disconnect(true);
  const open = (): Redis => {
    const opened = redis.duplicate({
      commandTimeout: undefined,
      enableOfflineQueue: true,
      maxRetriesPerRequest: null,
    });
    // The connection that this one was duplicated from logs the outage.
    opened.on('error', () => undefined);
    opened.on('message', tell);
    // What was said while the connection was broken is lost.
    opened.on('ready', () => [...followers.keys()].forEach(tell));
    redis.on(demotedEvent, reconnect);
    return opened;
  };
  const close = (): void => {
    redis.off(demotedEvent, reconnect);
    subscriber?.disconnect();
    subscriber = undefined;
  };
  const settle = (step: Promise<unknown> | undefined): void =>
    void step?.catch((error: unknown) => {
      log.debug({ err: error }, 'following a turn failed');
    });
  return {
    count: () => followers.size,
    follow(turn, onNews) {
      const channel = keys.steps(turn);
      const of = followers.get(channel) ?? new Set();
      followers.set(channel, of.add(onNews));
      if (of.size === 1) {
        subscriber ??= open();
        // What came in before the subscription was not heard.
        settle(subscriber.subscribe(channel).then(() => tell(channel)));
      }
      return () => {
        if (!of.delete(onNews) || of.size > 0) return;
        followers.delete(channel);
        if (followers.size === 0) close();
        else settle(subscriber?.unsubscribe(channel));
      };
    },
  };
}
