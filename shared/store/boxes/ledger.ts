import { randomUUID } from 'node:crypto';
import { keys, prefix } from '../redis/keys.ts';
import { FencedError } from './inbox.ts';
import type { Fence } from './inbox.ts';
import type { Redis } from '../redis/redis.ts';
import type { RefusalAction } from '../reply.ts';
import { runScript } from '../redis/script.ts';
import { loadScript } from '../redis/script-file.ts';
import { Reply } from '../reply.ts';
import type { NewReply } from '../reply.ts';
import { callKey } from '../redis/idempotent.ts';
import { tooOldWords, unparkScript } from './parked.ts';
import { retentionSeconds, usualRetentionDays } from '../redis/retention.ts';

/**
 * Twilio's message states as the ledger stores them; all initial states mean that Twilio has the
 * message.
 */
export type CarrierStatus = 'queued' | 'sent' | 'delivered' | 'read' | 'failed';

/** The effect of a failure: the reply is sent again, waits for the person, or is given up. */
export type FailureOutcome = 'again' | 'parked' | 'failed';

/** The effect of a status callback; `stale` if it added nothing or was about an earlier attempt. */
export type StatusOutcome = FailureOutcome | 'noted' | 'stale' | 'unknown';

/**
 * The delivery state of each reply, attempt by attempt. It never goes back: a late "sent" after
 * "read" changes nothing.
 */
export type Ledger = {
  /**
   * Adds a notice, which bypasses the outbox and is attempted only once. Returns false if its id
   * exists.
   */
  addNotice(reply: NewReply): Promise<boolean>;
  /**
   * Notes an attempt before the request to Twilio, so that a crash in between leaves a trace.
   * Returns the number of this attempt, or undefined if a status callback has settled the reply
   * meanwhile or the person may no longer write. With `only` it begins from that state alone:
   * another process may be posting it. Throws FencedError.
   */
  begin(fence: Fence | undefined, reply: Reply, only?: 'waiting'): Promise<number | undefined>;
  /**
   * Notes that Twilio accepted that attempt under this id, and removes the reply from the outbox.
   * The result of a later attempt takes precedence. Returns how many replies the outbox still
   * holds.
   */
  accepted(reply: Reply, sid: string, attempt: number): Promise<number>;
  /**
   * Notes that the attempt was refused and applies the action; undefined if a later result of the
   * reply takes precedence.
   */
  failed(
    reply: Reply,
    attempt: number,
    action: RefusalAction,
    code: number | undefined,
  ): Promise<FailureOutcome | undefined>;
  /** Notes a status callback for the reply. */
  note(
    replyId: string,
    conversation: string,
    sid: string,
    status: CarrierStatus,
    action: RefusalAction,
    code: number | undefined,
  ): Promise<StatusOutcome>;
  /**
   * Moves parked replies back to their places in the outbox, with a sentence about expired ones.
   * Returns how many replies there are to send.
   */
  unpark(conversation: string): Promise<number>;
  /** A reply with its delivery state; undefined if it never existed or has expired. */
  find(replyId: string): Promise<Reply | undefined>;
  /** The reply behind a Twilio message; undefined if the message is not ours, or has expired. */
  findSent(sid: string): Promise<Reply | undefined>;
  /**
   * Whether a Twilio message belongs to a known reply. A claim for `reply` itself does not count
   * while it has no attempt: the worker noted that claim when the reply was missing from the store.
   */
  isClaimed(sid: string, reply?: Pick<Reply, 'id' | 'attempts'>): Promise<boolean>;
};

const noticeScript = loadScript(new URL('lua/notice.lua', import.meta.url), {
  keys: ['reply'],
  args: ['prefix', 'lifetimeSeconds', 'id', 'conversation', 'turn', 'text', 'now', 'nowMs'],
});

const beginScript = loadScript(new URL('lua/begin.lua', import.meta.url), {
  keys: ['reply', 'outbox', 'conversationKey', 'allowed'],
  args: ['now', 'id', 'conversation', 'only', 'callId'],
  fence: 'optional',
});

const acceptedScript = loadScript(new URL('lua/accepted.lua', import.meta.url), {
  keys: ['reply', 'sent', 'outbox'],
  args: ['id', 'sid', 'lifetimeSeconds', 'attempt', 'now'],
});

const failedScript = loadScript(new URL('lua/failed.lua', import.meta.url), {
  keys: ['reply', 'outbox', 'parked', 'conversationKey'],
  args: ['id', 'action', 'code', 'nowMs', 'attempt', 'replyPrefix', 'lifetimeSeconds'],
});

const noteScript = loadScript(new URL('lua/note.lua', import.meta.url), {
  keys: ['reply', 'sent', 'outbox', 'parked', 'conversationKey'],
  args: [
    'id',
    'sid',
    'newStatus',
    'action',
    'code',
    'lifetimeSeconds',
    'nowMs',
    'replyPrefix',
    'now',
  ],
});

const failureOutcomes = new Set<unknown>(['again', 'parked', 'failed', 'noted', 'unknown']);

/** Replies are kept for `retentionDays`. */
export function createLedger(
  redis: Redis,
  now: () => Date = () => new Date(),
  retentionDays: number = usualRetentionDays,
): Ledger {
  const replyLifetime = retentionSeconds(retentionDays);
  const where = (id: string, conversation: string) => ({
    reply: keys.reply(id),
    outbox: keys.outbox(conversation),
    parked: keys.parked(conversation),
    conversationKey: keys.conversation(conversation),
  });
  return {
    async addNotice({ id, conversation, turn, text }) {
      const args = {
        prefix,
        nowMs: now().getTime(),
        lifetimeSeconds: replyLifetime,
        id,
        conversation,
        turn,
        text,
        now: now().toISOString(),
      };
      return (
        (await runScript(redis, noticeScript, { keys: { reply: keys.reply(id) }, args })) === 1
      );
    },
    async begin(fence, reply, only = undefined) {
      const { id, conversation } = reply;
      const outcome = await runScript(redis, beginScript, {
        fence,
        keys: {
          reply: keys.reply(id),
          outbox: keys.outbox(conversation),
          conversationKey: keys.conversation(conversation),
          allowed: keys.allowed,
        },
        args: {
          now: now().toISOString(),
          id,
          conversation,
          only: only ?? '',
          callId: randomUUID(),
        },
      });
      if (outcome === 'fenced') throw new FencedError('another worker has this delivery');
      return outcome === 'settled' ? undefined : Number(outcome);
    },
    async accepted(reply, sid, attempt) {
      const left = await runScript(redis, acceptedScript, {
        keys: {
          reply: keys.reply(reply.id),
          sent: keys.sent(sid),
          outbox: keys.outbox(reply.conversation),
        },
        args: {
          id: reply.id,
          sid,
          lifetimeSeconds: replyLifetime,
          attempt,
          now: now().toISOString(),
        },
      });
      return Number(left);
    },
    async failed(reply, attempt, action, code) {
      const outcome = await runScript(redis, failedScript, {
        keys: where(reply.id, reply.conversation),
        args: {
          id: reply.id,
          action,
          code: code ?? '',
          nowMs: now().getTime(),
          attempt,
          replyPrefix: keys.reply(''),
          lifetimeSeconds: replyLifetime,
        },
      });
      return outcome === 'again' || outcome === 'parked' || outcome === 'failed'
        ? outcome
        : undefined;
    },
    async note(replyId, conversation, sid, status, action, code) {
      const outcome = await runScript(redis, noteScript, {
        keys: { ...where(replyId, conversation), sent: keys.sent(sid) },
        args: {
          id: replyId,
          sid,
          newStatus: status,
          now: now().toISOString(),
          action,
          code: code ?? '',
          lifetimeSeconds: replyLifetime,
          nowMs: now().getTime(),
          replyPrefix: keys.reply(''),
        },
      });
      return failureOutcomes.has(outcome) ? (outcome as StatusOutcome) : 'stale';
    },
    async unpark(conversation) {
      const count = await runScript(redis, unparkScript, {
        keys: {
          parked: keys.parked(conversation),
          outbox: keys.outbox(conversation),
          conversationKey: keys.conversation(conversation),
          call: callKey(),
        },
        args: {
          replyPrefix: keys.reply(''),
          now: now().toISOString(),
          conversation,
          oneTooOld: tooOldWords(1),
          severalTooOld: tooOldWords('N'),
          nowMs: now().getTime(),
          lifetimeSeconds: replyLifetime,
        },
      });
      return Number(count);
    },
    async find(replyId) {
      return Reply.safeParse(await redis.hgetall(keys.reply(replyId))).data;
    },
    async findSent(sid) {
      const id = await redis.get(keys.sent(sid));
      return id === null ? undefined : Reply.safeParse(await redis.hgetall(keys.reply(id))).data;
    },
    async isClaimed(sid, reply) {
      const owner = await redis.get(keys.sent(sid));
      return owner !== null && !(owner === reply?.id && reply.attempts === 0);
    },
  };
}
