import { z } from 'zod';
import { keys, ofHome } from './keys.ts';
import type { HomeSuffix } from './keys.ts';
import type { Running } from '../../runtime/lifecycle.ts';
import { demotedEvent } from './redis.ts';
import type { Redis } from './redis.ts';
import { parseJson } from '../../runtime/json.ts';

/** The home that speaks; a worker of an earlier version names none and is in the first. */
const home = z.string().optional();

/** Messages between processes. A lost one is harmless: everything that matters is also in a key. */
export const Control = z.discriminatedUnion('kind', [
  /** A message was accepted while the conversation's turn runs, waits, or is delayed. */
  z.object({
    kind: z.literal('message'),
    conversation: z.string(),
    id: z.string(),
    putOff: z.boolean(),
  }),
  /** Asks the owner of a conversation's process to close it. */
  z.object({ kind: z.literal('release'), conversation: z.string(), owner: z.string() }),
  /**
   * The VM of the home has fallen asleep; `nextDue` is the time of its next delayed job (ms since
   * 1970) or 0.
   */
  z.object({ kind: z.literal('asleep'), home, nextDue: z.number() }),
  /** A home has registered: it may be new. */
  z.object({ kind: z.literal('home'), home }),
  /** The computer of the home does not come up, and the `helper` sends for it. */
  z.object({ kind: z.literal('dead'), home, helper: z.string() }),
  /** The workers of the home hand the turns of these conversations back: their person moves. */
  z.object({ kind: z.literal('moving'), home, conversations: z.array(z.string()) }),
  /** A worker of another home has added a job for this one, or planned one. */
  z.object({ kind: z.literal('work'), home }),
  /** A worker of the home is ready. */
  z.object({ kind: z.literal('awake'), home }),
]);
export type Control = z.infer<typeof Control>;

/**
 * The channels of a home's workers, and of the relay, which does without the arrivals: they are by
 * far the most frequent.
 */
export const channels = {
  ofWorkers: (home: HomeSuffix): string[] => [keys.control, ofHome(keys.arrivals, home)],
  exceptMessages: [keys.control],
};

/**
 * Subscribes to the messages between processes on a separate connection, which costs no Redis
 * command while idle. `onMissed` is called after each reconnect: messages may have been lost
 * meanwhile.
 */
export async function listenToControl(
  redis: Redis,
  onControl: (control: Control) => void,
  onMissed: () => void,
  where: string[] = channels.ofWorkers(''),
): Promise<Running> {
  const subscriber = redis.duplicate({
    commandTimeout: undefined,
    enableOfflineQueue: true,
    maxRetriesPerRequest: null,
  });
  // The connection that this one was duplicated from logs the outage.
  subscriber.on('error', () => undefined);
  subscriber.on('message', (_channel, raw) => {
    const control = parseControl(raw);
    if (control) onControl(control);
  });
  await subscriber.subscribe(...where);
  subscriber.on('ready', onMissed);
  // A subscriber never writes, so it would stay connected to a demoted Redis that receives no more
  // messages.
  const follow = (): void => subscriber.disconnect(true);
  redis.on(demotedEvent, follow);
  return {
    async stop() {
      redis.off(demotedEvent, follow);
      subscriber.disconnect();
    },
  };
}

/** Has the workers of a home hand back the turns of these conversations. */
export async function announceMoving(
  redis: Redis,
  home: HomeSuffix,
  conversations: string[],
): Promise<void> {
  const said: Control = { kind: 'moving', home, conversations };
  await redis.publish(keys.control, JSON.stringify(said));
}

/** Tells the relays that a home has got work by another one: its VM may be asleep. Never throws. */
export function announceWork(redis: Redis, home: HomeSuffix): void {
  const said: Control = { kind: 'work', home };
  redis.publish(keys.control, JSON.stringify(said)).catch(() => undefined);
}

function parseControl(raw: string): Control | undefined {
  return Control.safeParse(parseJson(raw)).data;
}
