import { randomUUID } from 'node:crypto';
import { allowedLua } from '../allowed.ts';
import { keys } from '../redis/keys.ts';
import { FencedError } from './inbox.ts';
import type { Fence } from './inbox.ts';
import type { Redis } from '../redis/redis.ts';
import { boxesLua } from './box-counts.ts';
import { failureLua } from '../redis/failure-lua.ts';
import type { RefusalAction } from '../reply.ts';
import { defineScript, runScript } from '../redis/script.ts';
import { Reply, addressLua } from '../reply.ts';
import type { NewReply } from '../reply.ts';
import { countLua } from '../reply-counts.ts';
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

const noticeScript = defineScript({
  name: 'sidepocketNotice',
  keys: ['reply'],
  args: ['lifetimeSeconds', 'id', 'conversation', 'turn', 'text', 'now'],
  lua: `
    if redis.call('HSETNX', reply, 'id', id) == 0 then return 0 end
    redis.call('HSET', reply, 'notice', '1', 'conversation', conversation, 'turn', turn, 'text', text,
      'at', now, 'status', 'waiting')
    return redis.call('EXPIRE', reply, lifetimeSeconds)`,
});

const beginScript = defineScript({
  name: 'sidepocketBegin',
  keys: ['reply', 'outbox', 'conversationKey', 'allowed'],
  args: ['now', 'id', 'conversation', 'only', 'callId'],
  fence: 'optional',
  // `only` is waiting or ''. A callback may have settled an unclear attempt meanwhile.
  lua: `${addressLua}
    ${allowedLua}
    if isFenced() then return 'fenced' end
    -- It stays where it is: the next look at the outbox sets all of it aside.
    if not allowedSince(allowed, conversation) then return 'settled' end
    local status = redis.call('HGET', reply, 'status')
    if status == 'posting' and redis.call('HGET', reply, 'noted') == callId then
      return tonumber(redis.call('HGET', reply, 'attempts'))
    end
    if only == 'waiting' and status ~= 'waiting' then return 'settled' end
    if status ~= 'waiting' and (status ~= 'posting' or redis.call('HEXISTS', reply, 'sid') == 1) then
      redis.call('LREM', outbox, 1, id)
      return 'settled'
    end
    redis.call('HSET', reply, 'status', 'posting', 'attemptedAt', now, 'noted', callId)
    address(conversationKey, reply)
    return redis.call('HINCRBY', reply, 'attempts', 1)`,
});

const acceptedScript = defineScript({
  name: 'sidepocketAccepted',
  keys: ['reply', 'sent', 'outbox'],
  args: ['id', 'sid', 'lifetimeSeconds', 'attempt'],
  // If a callback came first, it has already claimed the sid, and that claim is right. A reply
  // without an attempt takes over what was claimed for it while it was missing from the store.
  lua: `${countLua}
    ${boxesLua}
    local isFirst = redis.call('SET', sent, id, 'NX', 'EX', lifetimeSeconds)
    local isOwn = isFirst or (attempt == '0' and redis.call('GET', sent) == id)
    local isPosting = isOwn and redis.call('HGET', reply, 'status') == 'posting'
    if isPosting and redis.call('HGET', reply, 'attempts') == attempt then
      redis.call('HSET', reply, 'sid', sid, 'status', 'queued')
      count('status:queued')
      redis.call('LREM', outbox, 1, id)
      redis.call('EXPIRE', reply, lifetimeSeconds)
    end
    local left = redis.call('LLEN', outbox)
    if left == 0 then leave(outbox) end
    return left`,
});

const failedScript = defineScript({
  name: 'sidepocketFailed',
  keys: ['reply', 'outbox', 'parked', 'conversationKey'],
  args: ['id', 'action', 'code', 'nowMs', 'attempt', 'replyPrefix', 'lifetimeSeconds'],
  lua: `-- derives reply:*, counts, failures
    ${failureLua}
    local status = redis.call('HGET', reply, 'status')
    if (redis.call('HGET', reply, 'attempts') or '0') ~= attempt then return 'superseded' end
    -- Told before: an attempt fails once, and this call is the same again after a reply that was lost.
    if redis.call('HGET', reply, 'failedAttempt') == attempt then return redis.call('HGET', reply, 'failedTo') end
    if status ~= 'posting' and status ~= 'waiting' then return 'superseded' end
    local now = tonumber(nowMs)
    local outcome = fail(replyPrefix, outbox, parked, conversationKey, id, action, code, now, lifetimeSeconds)
    redis.call('HSET', reply, 'failedAttempt', attempt, 'failedTo', outcome)
    return outcome`,
});

const noteScript = defineScript({
  name: 'sidepocketNote',
  keys: ['reply', 'sent', 'outbox', 'parked', 'conversationKey'],
  args: ['id', 'sid', 'newStatus', 'action', 'code', 'lifetimeSeconds', 'nowMs', 'replyPrefix'],
  lua: `-- derives reply:*, counts, failures
    ${failureLua}
    if redis.call('EXISTS', reply) == 0 then return 'unknown' end
    local status, known = redis.call('HGET', reply, 'status'), redis.call('HGET', reply, 'sid')
    if newStatus == 'failed' and redis.call('HGET', reply, 'failedSid') == sid then
      -- Told before: whoever died before acting on it gets the same answer again.
      local ledTo = { waiting = 'again', parked = 'parked', failed = 'failed' }
      return ledTo[status] or 'stale'
    end
    if known ~= sid then
      if known or status ~= 'posting' then return 'stale' end
      if not redis.call('SET', sent, id, 'NX', 'EX', lifetimeSeconds) then return 'stale' end
      redis.call('HSET', reply, 'sid', sid)
      redis.call('LREM', outbox, 1, id)
      redis.call('EXPIRE', reply, lifetimeSeconds)
    end
    local rank = { waiting = 0, posting = 0, queued = 1, sent = 2, delivered = 3, read = 4, failed = 5, parked = 5, withdrawn = 5 }
    if newStatus == 'failed' then
      if rank[status] >= 3 then return 'stale' end
      return fail(replyPrefix, outbox, parked, conversationKey, id, action, code, tonumber(nowMs), lifetimeSeconds)
    end
    if rank[newStatus] <= rank[status] then return 'stale' end
    redis.call('HSET', reply, 'status', newStatus)
    count('status:' .. newStatus)
    return 'noted'`,
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
        args: { id: reply.id, sid, lifetimeSeconds: replyLifetime, attempt },
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
