import { z } from 'zod';
import { keys } from './keys.ts';
import type { Running } from '../../runtime/lifecycle.ts';
import { demotedEvent } from './redis.ts';
import type { Redis } from './redis.ts';

/**
 * What processes tell each other. Losing one is harmless: everything that matters is in a key as
 * well.
 */
export const Control = z.discriminatedUnion('kind', [
  /** A message was accepted, while the conversation's turn runs, waits, or is put off. */
  z.object({
    kind: z.literal('message'),
    conversation: z.string(),
    id: z.string(),
    putOff: z.boolean(),
  }),
  /** The owner is asked to close its process for a conversation. */
  z.object({ kind: z.literal('release'), conversation: z.string(), owner: z.string() }),
  /**
   * The VM has fallen asleep; `nextDue` is the time of its next delayed job (ms since 1970) or 0.
   */
  z.object({ kind: z.literal('asleep'), nextDue: z.number() }),
  /** A worker is ready. */
  z.object({ kind: z.literal('awake') }),
]);
export type Control = z.infer<typeof Control>;

/**
 * Where everything is said, and where all but the arrival of messages is: that is much more than
 * everything else.
 */
export const channels = {
  everything: [keys.control, keys.arrivals],
  exceptMessages: [keys.control],
};

/**
 * Listens to what processes tell each other, with a connection of its own, which costs no Redis
 * command while nothing is said. `onMissed` is called whenever the connection was away and is back:
 * something may have been said meanwhile.
 */
export async function listenToControl(
  redis: Redis,
  onControl: (control: Control) => void,
  onMissed: () => void,
  where: string[] = channels.everything,
): Promise<Running> {
  const subscriber = redis.duplicate({
    commandTimeout: undefined,
    enableOfflineQueue: true,
    maxRetriesPerRequest: null,
  });
  // The connection it was made from logs the outage.
  subscriber.on('error', () => undefined);
  subscriber.on('message', (_channel, raw) => {
    const control = parseControl(raw);
    if (control) onControl(control);
  });
  await subscriber.subscribe(...where);
  subscriber.on('ready', onMissed);
  // A listener writes nothing, so it would stay with a Redis to which nobody speaks any more.
  const follow = (): void => subscriber.disconnect(true);
  redis.on(demotedEvent, follow);
  return {
    async stop() {
      redis.off(demotedEvent, follow);
      subscriber.disconnect();
    },
  };
}

function parseControl(raw: string): Control | undefined {
  try {
    return Control.safeParse(JSON.parse(raw)).data;
  } catch {
    return undefined;
  }
}
