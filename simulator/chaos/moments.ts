import { EventEmitter } from 'node:events';
import { mkdirSync, watch } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
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
 * Watches the channel on which Redis announces each message, the phones, and the transcripts in
 * `transcripts`; other observers report a moment with `happened`.
 */
export function createMoments({
  redisUrl,
  twin,
  transcripts,
}: {
  redisUrl: string;
  twin: Twin;
  transcripts: string;
}): Moments {
  const emitter = new EventEmitter();
  emitter.setMaxListeners(0);
  const happened = (moment: Moment): void => void emitter.emit(moment, true);

  const subscriber = new Redis(redisUrl, { maxRetriesPerRequest: null, retryStrategy: () => 20 });
  subscriber.on('error', () => undefined);
  subscriber.on('message', (_channel, raw) => {
    if (raw.includes('"message"')) happened('accepting');
  });
  subscriber.subscribe(keys.arrivals).catch(() => undefined);

  const unlisten = twin.chat.on((event) => {
    if (
      event.kind === 'message' &&
      event.message.direction === 'outbound' &&
      event.message.text.startsWith('note on ')
    )
      happened('tool');
  });

  const lookAt = async (file: string): Promise<void> => {
    const text = await readFile(file, 'utf8').catch(() => '');
    if (text.trimEnd().split('\n').at(-1)?.includes('"answered"')) happened('answered');
  };
  mkdirSync(transcripts, { recursive: true });
  const watcher = watch(transcripts, (_change, name) => {
    if (typeof name === 'string') void lookAt(path.join(transcripts, name));
  });

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
