import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { NotAllowedError } from '../allowed.ts';
import { FencedError } from './inbox.ts';
import type { Fence } from './inbox.ts';
import { toJson } from '../../runtime/json.ts';
import { keys, prefix } from '../redis/keys.ts';
import type { HomeSuffix } from '../redis/keys.ts';
import { isScheduledId } from '../message.ts';
import type { MessageState } from '../message.ts';
import { forgottenBefore } from './given-up.ts';
import { callKey } from '../redis/idempotent.ts';
import type { Deliveries } from '../queues.ts';
import type { Redis } from '../redis/redis.ts';
import type { NewReply } from '../reply.ts';
import { retentionSeconds, usualRetentionDays } from '../redis/retention.ts';
import { callOf, runScript } from '../redis/script.ts';
import { loadScript } from '../redis/script-file.ts';
import type { ScriptCall, ScriptInput } from '../redis/script.ts';
import { priceOf } from '../money/spend.ts';
import type { SpendEntry } from '../money/spend.ts';
import { eventNote } from '../turns/record-note.ts';

/**
 * The store has lost an answer of this turn, as a restored copy has: its message waits again. The
 * turn starts again at the head of the inbox, so that the answer goes out in its order.
 */
export class LostAnswerError extends Error {
  override name = 'LostAnswerError';
}

/** Messages that reach their final state in the same step that puts their reply. */
export type Settlement = {
  conversation: string;
  ids: string[];
  /** What the turn has answered before: none of these may wait before the settled ones. */
  answered?: string[];
  state: Extract<MessageState, 'answered' | 'failed'>;
  /** Why they failed, for the owner: the kind of the failure and its message. */
  reason?: string;
  /** The ids that `retry` can bring back. */
  kept?: string[];
  /** Unreadable entries of the inbox, unchanged: they go to the dead list. */
  unreadable?: Buffer[];
  /**
   * The answer's cost; counted once, even if the fence has passed to another worker: the money is
   * spent.
   */
  price?: SpendEntry;
};

/** The number of new replies, and of messages left in the inbox. */
export type Put = { added: number; left: number };

/** A conversation's outgoing replies, in order. */
export type Outbox = {
  /**
   * Appends replies of one conversation in order and ensures that a delivery job exists. Skips a
   * reply whose id exists. With a settlement, the messages that they answer leave the inbox in the
   * same atomic step, so a message is never answered twice and never loses its answer. Throws
   * FencedError when another worker holds the fence, NotAllowedError when a turn would answer a
   * person who may no longer write, and LostAnswerError when a message that the turn has `answered`
   * waits before the settled ones.
   */
  put(replies: NewReply[], fence?: Fence, settlement?: Settlement): Promise<Put>;
  /** Whether a reply with this id was ever put. */
  has(id: string): Promise<boolean>;
  /** How many replies a turn has put so far. */
  countOf(turn: string): Promise<number>;
  /**
   * Withdraws replies that were sent `aside` and are still waiting: those of one turn, or of all if
   * `turn` is undefined. Safe to repeat. Returns how many replies it withdrew. Throws FencedError.
   */
  withdraw(fence: Fence, conversation: string, turn?: string): Promise<number>;
  /** Ensures that the outbox has a delivery job. */
  deliver(conversation: string): Promise<void>;
};

const putScript = loadScript(new URL('lua/put.lua', import.meta.url), {
  keys: ['outbox', 'inbox', 'conversationKey', 'attempts', 'dead', 'allowed', 'job'],
  args: [
    'prefix',
    'lifetimeSeconds',
    'conversation',
    'now',
    'replies',
    'settledIds',
    'state',
    'price',
    'keptIds',
    'forgottenBefore',
    'answeredIds',
    'nowMs',
    'reason',
    'home',
    'news',
  ],
  rest: 'unreadable',
  fence: 'optional',
});

const withdrawScript = loadScript(new URL('lua/withdraw.lua', import.meta.url), {
  keys: ['outbox', 'call'],
  args: ['replyPrefix', 'onlyTurn', 'lifetimeSeconds'],
  fence: 'required',
});

const Outcome = z.tuple([z.number(), z.number()]);

/** Replies and their ledgers are kept for `retentionDays`. */
export function createOutbox(
  redis: Redis,
  deliveries: Deliveries,
  retentionDays: number = usualRetentionDays,
): Outbox {
  return {
    async put(replies, fence, settlement) {
      const conversation = replies[0]?.conversation ?? settlement?.conversation;
      if (conversation === undefined) return { added: 0, left: 0 };
      const now = new Date();
      const id = randomUUID();
      const inputFor = (queue: string, home: HomeSuffix): ScriptInput<typeof putScript> => ({
        fence,
        keys: {
          outbox: keys.outbox(conversation),
          inbox: keys.inbox(conversation),
          conversationKey: keys.conversation(conversation),
          attempts: keys.attempts(conversation),
          dead: keys.dead,
          allowed: keys.allowed,
          job: keys.job(queue, id),
        },
        args: {
          prefix,
          lifetimeSeconds: retentionSeconds(retentionDays),
          conversation,
          now: now.toISOString(),
          replies: JSON.stringify(replies.map((reply) => storedForm(reply, tickOf(settlement)))),
          settledIds: JSON.stringify(settlement?.ids ?? []),
          state: settlement?.state ?? '',
          price: (settlement?.price && priceOf(settlement.price)) ?? '',
          keptIds: JSON.stringify(settlement?.kept ?? []),
          forgottenBefore: forgottenBefore(Date.now(), retentionDays),
          answeredIds: JSON.stringify(settlement?.answered ?? []),
          nowMs: now.getTime(),
          reason: settlement?.reason ?? '',
          home,
          news: eventNote('news', now.getTime()),
        },
        rest: settlement?.unreadable ?? [],
      });
      const call = (queue: string, home: HomeSuffix): ScriptCall =>
        callOf(putScript, inputFor(queue, home));
      const outcome =
        replies.length > 0
          ? (await deliveries.runAndAdd({ call, id }, conversation)).reply
          : await runScript(redis, putScript, inputFor(deliveries.name, ''));
      if (outcome === 'fenced') throw new FencedError('another worker has this turn');
      if (outcome === 'lost') throw new LostAnswerError('an answered message waits again');
      if (outcome === 'not allowed') throw new NotAllowedError('the person may not write any more');
      const [added, left] = Outcome.parse(outcome);
      return { added, left };
    },
    async has(id) {
      return (await redis.exists(keys.reply(id))) === 1;
    },
    countOf: (turn) => redis.llen(keys.turnReplies(turn)),
    async withdraw(fence, conversation, turn = '') {
      const outcome = await runScript(redis, withdrawScript, {
        fence,
        keys: { outbox: keys.outbox(conversation), call: callKey() },
        args: {
          replyPrefix: keys.reply(''),
          onlyTurn: turn,
          lifetimeSeconds: retentionSeconds(retentionDays),
        },
      });
      if (outcome === 'fenced') throw new FencedError('another worker has this turn');
      return Number(outcome);
    },
    async deliver(conversation) {
      await deliveries.add(conversation);
    },
  };
}

/** A reply as the script takes it: '' stands for a missing field. */
function storedForm(reply: NewReply, tick: string): Record<string, string> {
  const {
    id,
    turn,
    text,
    file,
    choices,
    template = '',
    session = '',
    urgent,
    aside,
    saidAt = '',
  } = reply;
  return {
    id,
    turn,
    text: text.toWellFormed(),
    template,
    session,
    file: asJson(file),
    choices: asJson(choices),
    urgent: urgent ? '1' : '',
    aside: aside ? '1' : '',
    tick,
    saidAt,
  };
}

/** The schedule run that an answer is for, if it answers nothing else. */
function tickOf(settlement: Settlement | undefined): string {
  const [id = '', ...others] = settlement?.ids ?? [];
  return others.length === 0 && isScheduledId(id) ? id : '';
}

function asJson(value: object | undefined): string {
  return value ? toJson(value) : '';
}
