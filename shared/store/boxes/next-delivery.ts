import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { epochMemory } from '../redis/epoch.ts';
import { FencedError } from './inbox.ts';
import type { Fence } from './inbox.ts';
import { keys, prefix } from '../redis/keys.ts';
import type { HomeSuffix } from '../redis/keys.ts';
import type { SendRateLimit } from '../send-rate.ts';
import type { Redis } from '../redis/redis.ts';
import { longestPauseMs, Reply, ReplyStatus } from '../reply.ts';
import { retentionSeconds, setAsideSeconds, usualRetentionDays } from '../redis/retention.ts';
import { fieldsOf, runScript } from '../redis/script.ts';
import { loadScript } from '../redis/script-file.ts';

/**
 * The next action for a conversation's outbox: nothing if it is empty; wait some milliseconds; send
 * a reply whose attempt is noted; or look up a reply whose last attempt has an unknown outcome. An
 * unreadable reply goes to the dead list and is replaced by a sentence. Replies for a person who
 * may no longer write are set aside. `elsewhere`: the conversation has another home than the queue.
 */
export type NextDelivery =
  | { kind: 'none' }
  | { kind: 'elsewhere' }
  | { kind: 'wait'; ms: number }
  | { kind: 'send' | 'look-up'; reply: Reply };

/**
 * Picks the next reply, holds it back as the send rate requires, and notes the attempt before the
 * request to Twilio: all in one trip to Redis.
 */
export type NextDeliveries = {
  /** `now` is in ms since 1970; `home` is that of the job's queue. Throws FencedError. */
  next(conversation: string, fence: Fence, now: number, home?: HomeSuffix): Promise<NextDelivery>;
};

/** The delayed replies in a row after which a sentence says why they come slowly. */
const mostDelayedUntold = 3;

/** The notice about a pace of at least a second; '' for a faster one, which is not noticed. */
export function slowWords(intervalMs: number): string {
  const seconds = Math.round(intervalMs / 1000);
  if (seconds < 1) return '';
  const pace = seconds === 1 ? 'one message a second' : `one message every ${seconds} seconds`;
  return `That was a lot at once: WhatsApp now takes ${pace} from me. The rest follows by itself.`;
}

const nextScript = loadScript(new URL('lua/next-delivery.lua', import.meta.url), {
  keys: ['outbox', 'pace', 'conversationKey', 'allowed', 'epoch'],
  args: [
    'replyPrefix',
    'nowMs',
    'now',
    'intervalMs',
    'burst',
    'prefix',
    'conversation',
    'seen',
    'callId',
    'setAsideSeconds',
    'statuses',
    'mostDelayed',
    'slow',
    'longestPauseMs',
    'lifetimeSeconds',
    'home',
  ],
  fence: 'required',
});

const Found = z.union([
  z.tuple([z.literal('fenced')]).transform(([kind]) => ({ kind })),
  z.tuple([z.literal('none')]).transform(([kind]) => ({ kind })),
  z.tuple([z.literal('elsewhere')]).transform(([kind]) => ({ kind })),
  z.tuple([z.literal('unreadable'), z.string()]).transform(([kind, id]) => ({ kind, id })),
  z.tuple([z.literal('wait'), z.number()]).transform(([kind, ms]) => ({ kind, ms })),
  z
    .tuple([z.enum(['send', 'look-up']), z.string(), z.array(z.string())])
    .transform(([kind, id, fields]) => ({
      kind,
      id,
      reply: Reply.safeParse(fieldsOf(fields)).data,
    })),
]);

/** The notice to a person about an unreadable reply. */
export const unreadableReply =
  'One of my answers is stored in a form that I cannot read, so it is missing here. Please ask me for it again.';

const setAsideScript = loadScript(new URL('lua/set-aside.lua', import.meta.url), {
  keys: ['outbox', 'conversationKey', 'dead', 'reply', 'sentence'],
  args: ['prefix', 'id', 'conversation', 'now', 'lifetimeSeconds', 'text', 'nowMs'],
  fence: 'required',
});

/** `limit` is the send rate for one person; a notice is kept for `retentionDays`. */
export function createNextDeliveries(
  redis: Redis,
  limit: SendRateLimit,
  retentionDays: number = usualRetentionDays,
): NextDeliveries {
  const find = async (
    conversation: string,
    fence: Fence,
    now: number,
    home: HomeSuffix,
  ): Promise<z.infer<typeof Found>> =>
    Found.parse(
      await runScript(redis, nextScript, {
        fence,
        keys: {
          outbox: keys.outbox(conversation),
          pace: keys.pace(conversation),
          conversationKey: keys.conversation(conversation),
          allowed: keys.allowed,
          epoch: keys.epoch,
        },
        args: {
          replyPrefix: keys.reply(''),
          nowMs: now,
          now: new Date(now).toISOString(),
          intervalMs: limit.intervalMs,
          burst: limit.burst,
          prefix,
          conversation,
          seen: epochMemory(redis).seen,
          callId: randomUUID(),
          setAsideSeconds,
          statuses: JSON.stringify(ReplyStatus.options),
          mostDelayed: mostDelayedUntold,
          slow: slowWords(limit.intervalMs),
          longestPauseMs,
          lifetimeSeconds: retentionSeconds(retentionDays),
          home,
        },
      }),
    );
  /** A failure here must not block the following replies. */
  const setAside = async (
    conversation: string,
    fence: Fence,
    now: number,
    id: string,
  ): Promise<void> => {
    const outcome = await runScript(redis, setAsideScript, {
      fence,
      keys: {
        outbox: keys.outbox(conversation),
        conversationKey: keys.conversation(conversation),
        dead: keys.dead,
        reply: keys.reply(id),
        sentence: keys.reply(`${id}.unreadable`),
      },
      args: {
        prefix,
        nowMs: now,
        id,
        conversation,
        now: new Date(now).toISOString(),
        lifetimeSeconds: retentionSeconds(retentionDays),
        text: unreadableReply,
      },
    });
    if (outcome === 'fenced') throw new FencedError('another worker has this delivery');
  };
  return {
    async next(conversation, fence, now, home = '') {
      for (;;) {
        const found = await find(conversation, fence, now, home);
        if (found.kind === 'fenced') throw new FencedError('another worker has this delivery');
        if (found.kind === 'none' || found.kind === 'elsewhere' || found.kind === 'wait')
          return found;
        if (found.kind !== 'unreadable' && found.reply)
          return { kind: found.kind, reply: found.reply };
        await setAside(conversation, fence, now, found.id);
      }
    },
  };
}
