import { EventEmitter } from 'node:events';
import { watch } from 'node:fs';
import { Redis } from 'ioredis';
import { keys } from '../../shared/store/redis/keys.ts';
import type { Twin } from '../twilio/twin.ts';

/**
 * `accepting`: a message has reached Redis. `tool`: a tool runs. `answered`: the agent has its
 * whole answer. The last two are the fast agent's or Claude Code's.
 */
export type Moment = 'accepting' | 'tool' | 'answered' | 'claude-tool' | 'claude-answered';

/** Reports events inside processes that are unaware of being watched. */
export type Moments = {
  happened(moment: Moment): void;
  /** Resolves true at the next such moment, false after `ms` or at the stop. */
  next(moment: Moment, ms: number): Promise<boolean>;
  stop(): void;
};

/**
 * Watches the channel on which Redis announces each message, the phones, and the file that grows
 * with each answer; other observers report a moment with `happened`.
 */
export function createMoments({
  redisUrl,
  twin,
  answered,
}: {
  redisUrl: string;
  twin: Twin;
  answered: string;
}): Moments {
  const emitter = new EventEmitter();
  emitter.setMaxListeners(0);
  const happened = (moment: Moment): void => void emitter.emit(moment, true);

  const subscriber = new Redis(redisUrl, { maxRetriesPerRequest: null, retryStrategy: () => 20 });
  subscriber.on('error', () => undefined);
  subscriber.on('pmessage', (_pattern, _channel, raw) => {
    if (raw.includes('"message"')) happened('accepting');
  });
  // Each home has a channel of its own.
  subscriber.psubscribe(`${keys.arrivals}*`).catch(() => undefined);

  const unlisten = twin.chat.on((event) => {
    if (
      event.kind === 'message' &&
      event.message.direction === 'outbound' &&
      event.message.text.startsWith('note on ')
    )
      happened('tool');
  });

  const watcher = watch(answered, () => happened('answered'));

  return {
    happened,
    async next(moment, ms) {
      const found = Promise.withResolvers<boolean>();
      const timer = setTimeout(() => found.resolve(false), ms).unref();
      const resolve = (truth: boolean): void => found.resolve(truth);
      emitter.once(moment, resolve);
      emitter.once('stop', resolve);
      try {
        return await found.promise;
      } finally {
        clearTimeout(timer);
        emitter.off(moment, resolve);
        emitter.off('stop', resolve);
      }
    },
    stop() {
      emitter.emit('stop', false);
      unlisten();
      watcher.close();
      subscriber.disconnect();
    },
  };
}
