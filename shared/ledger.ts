import { randomUUID } from 'node:crypto';
import { allowedLua } from './allowed.ts';
import { keys } from './keys.ts';
import { FencedError } from './inbox.ts';
import type { Fence } from './inbox.ts';
import type { Redis } from './redis.ts';
import { boxesLua } from './boxes.ts';
import { failureLua } from './failure-lua.ts';
import type { RefusalAction } from './refusals.ts';
import { runScript } from './script.ts';
import type { Script } from './script.ts';
import { Reply, addressLua } from './reply.ts';
import type { NewReply } from './reply.ts';
import { countLua } from './reply-counts.ts';
import { callKey } from './once.ts';
import { tooOldWords, unparkScript } from './parked.ts';
import { retentionSeconds, usualRetentionDays } from './retention.ts';

/** Twilio's message states as the ledger knows them; the initial ones all mean that Twilio has it. */
export type CarrierStatus = 'queued' | 'sent' | 'delivered' | 'read' | 'failed';

/** What a failure led to: the reply goes out again, waits for the person, or is given up. */
export type FailureOutcome = 'again' | 'parked' | 'failed';

/** What a status callback changed; `stale` when it told nothing new or was about an earlier attempt. */
export type StatusOutcome = FailureOutcome | 'noted' | 'stale' | 'unknown';

/** The fate of each reply, attempt by attempt. It never goes back: a late "sent" after "read" changes nothing. */
export type Ledger = {
  /** Enters a notice, which is not in the outbox and is tried once only. Returns false when its id is known. */
  addNotice(reply: NewReply): Promise<boolean>;
  /**
   * Notes that Twilio is about to be asked, so that a death in between is seen. Returns the number of this attempt, or undefined when a status callback has
   * settled the reply meanwhile or the person may not write any more. With `only` it is begun from that state alone: another process may be posting it. Throws FencedError.
   */
  begin(fence: Fence | undefined, reply: Reply, only?: 'waiting'): Promise<number | undefined>;
  /** Notes that Twilio has it under this id since that attempt, and takes it out of the outbox. A later attempt's word stands. Returns how many replies the outbox still holds. */
  accepted(reply: Reply, sid: string, attempt: number): Promise<number>;
  /** Notes that the attempt was refused and does what the action says; undefined when a later word about the reply stands. */
  failed(reply: Reply, attempt: number, action: RefusalAction, code: number | undefined): Promise<FailureOutcome | undefined>;
  /** Notes what a status callback says of the reply. */
  note(replyId: string, conversation: string, sid: string, status: CarrierStatus, action: RefusalAction, code: number | undefined): Promise<StatusOutcome>;
  /** Puts parked replies back into their places in the outbox, with a sentence about those that were kept too long. Returns how many replies there are to send. */
  unpark(conversation: string): Promise<number>;
  /** A reply and what is known of its fate; undefined when it never was or is forgotten. */
  find(replyId: string): Promise<Reply | undefined>;
  /** The reply that a Twilio message is; undefined when it is none of ours, or forgotten. */
  findSent(sid: string): Promise<Reply | undefined>;
  /** Whether a Twilio message is known to belong to a reply. */
  isClaimed(sid: string): Promise<boolean>;
};

const noticeScript: Script = {
  name: 'sidepocketNotice',
  keys: 1,
  // KEYS: reply. ARGV: lifetime, id, conversation, turn, text, now.
  lua: `
    if redis.call('HSETNX', KEYS[1], 'id', ARGV[2]) == 0 then return 0 end
    redis.call('HSET', KEYS[1], 'notice', '1', 'conversation', ARGV[3], 'turn', ARGV[4], 'text', ARGV[5], 'at', ARGV[6], 'status', 'waiting')
    return redis.call('EXPIRE', KEYS[1], ARGV[1])`,
};

const beginScript: Script = {
  name: 'sidepocketBegin',
  keys: 5,
  // KEYS: lock, reply, outbox, conversation, allowed. ARGV: token or '', now, id, conversation, 'waiting' or '', call. A callback that came meanwhile may have settled what was unclear.
  lua: `${addressLua}
    ${allowedLua}
    if ARGV[1] ~= '' and redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'fenced' end
    -- It stays where it is: the next look at the outbox sets all of it aside.
    if not allowedSince(KEYS[5], ARGV[4]) then return 'settled' end
    local status = redis.call('HGET', KEYS[2], 'status')
    if status == 'posting' and redis.call('HGET', KEYS[2], 'noted') == ARGV[6] then return tonumber(redis.call('HGET', KEYS[2], 'attempts')) end
    if ARGV[5] == 'waiting' and status ~= 'waiting' then return 'settled' end
    if status ~= 'waiting' and (status ~= 'posting' or redis.call('HEXISTS', KEYS[2], 'sid') == 1) then
      redis.call('LREM', KEYS[3], 1, ARGV[3])
      return 'settled'
    end
    redis.call('HSET', KEYS[2], 'status', 'posting', 'attemptedAt', ARGV[2], 'noted', ARGV[6])
    address(KEYS[4], KEYS[2])
    return redis.call('HINCRBY', KEYS[2], 'attempts', 1)`,
};

const acceptedScript: Script = {
  name: 'sidepocketAccepted',
  keys: 3,
  // KEYS: reply, sent, outbox. ARGV: id, sid, lifetime, attempt. A callback that came first has claimed the sid already: then it is right.
  lua: `${countLua}
    ${boxesLua}
    if redis.call('SET', KEYS[2], ARGV[1], 'NX', 'EX', ARGV[3]) and redis.call('HGET', KEYS[1], 'status') == 'posting' and redis.call('HGET', KEYS[1], 'attempts') == ARGV[4] then
      redis.call('HSET', KEYS[1], 'sid', ARGV[2], 'status', 'queued')
      count('status:queued')
      redis.call('LREM', KEYS[3], 1, ARGV[1])
      redis.call('EXPIRE', KEYS[1], ARGV[3])
    end
    local left = redis.call('LLEN', KEYS[3])
    if left == 0 then leave(KEYS[3]) end
    return left`,
};

const failedScript: Script = {
  name: 'sidepocketFailed',
  keys: 4,
  // KEYS: reply, outbox, parked, conversation. ARGV: id, action, code, now (ms), attempt, prefix of the reply keys, lifetime.
  lua: `-- derives reply:*, counts, failures
    ${failureLua}
    local status = redis.call('HGET', KEYS[1], 'status')
    if (redis.call('HGET', KEYS[1], 'attempts') or '0') ~= ARGV[5] then return 'superseded' end
    -- Told before: an attempt fails once, and this call is the same again after a reply that was lost.
    if redis.call('HGET', KEYS[1], 'failedAttempt') == ARGV[5] then return redis.call('HGET', KEYS[1], 'failedTo') end
    if status ~= 'posting' and status ~= 'waiting' then return 'superseded' end
    local outcome = fail(ARGV[6], KEYS[2], KEYS[3], KEYS[4], ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[7])
    redis.call('HSET', KEYS[1], 'failedAttempt', ARGV[5], 'failedTo', outcome)
    return outcome`,
};

const noteScript: Script = {
  name: 'sidepocketNote',
  keys: 5,
  // KEYS: reply, sent, outbox, parked, conversation. ARGV: id, sid, status, action, code, lifetime, now (ms), prefix of the reply keys.
  lua: `-- derives reply:*, counts, failures
    ${failureLua}
    if redis.call('EXISTS', KEYS[1]) == 0 then return 'unknown' end
    local status, known = redis.call('HGET', KEYS[1], 'status'), redis.call('HGET', KEYS[1], 'sid')
    if ARGV[3] == 'failed' and redis.call('HGET', KEYS[1], 'failedSid') == ARGV[2] then
      -- Told before: whoever died before acting on it gets the same answer again.
      local ledTo = { waiting = 'again', parked = 'parked', failed = 'failed' }
      return ledTo[status] or 'stale'
    end
    if known ~= ARGV[2] then
      if known or status ~= 'posting' then return 'stale' end
      if not redis.call('SET', KEYS[2], ARGV[1], 'NX', 'EX', ARGV[6]) then return 'stale' end
      redis.call('HSET', KEYS[1], 'sid', ARGV[2])
      redis.call('LREM', KEYS[3], 1, ARGV[1])
      redis.call('EXPIRE', KEYS[1], ARGV[6])
    end
    local rank = { waiting = 0, posting = 0, queued = 1, sent = 2, delivered = 3, read = 4, failed = 5, parked = 5, withdrawn = 5 }
    if ARGV[3] == 'failed' then
      if rank[status] >= 3 then return 'stale' end
      return fail(ARGV[8], KEYS[3], KEYS[4], KEYS[5], ARGV[1], ARGV[4], ARGV[5], tonumber(ARGV[7]), ARGV[6])
    end
    if rank[ARGV[3]] <= rank[status] then return 'stale' end
    redis.call('HSET', KEYS[1], 'status', ARGV[3])
    count('status:' .. ARGV[3])
    return 'noted'`,
};

const failureOutcomes = new Set<unknown>(['again', 'parked', 'failed', 'noted', 'unknown']);

/** Replies are kept for `retentionDays`. */
export function createLedger(redis: Redis, now: () => Date = () => new Date(), retentionDays: number = usualRetentionDays): Ledger {
  const replyLifetime = retentionSeconds(retentionDays);
  const where = ({ id, conversation }: Reply): string[] => [keys.reply(id), keys.outbox(conversation), keys.parked(conversation), keys.conversation(conversation)];
  return {
    async addNotice({ id, conversation, turn, text }) {
      return (await runScript(redis, noticeScript, [keys.reply(id), replyLifetime, id, conversation, turn, text, now().toISOString()])) === 1;
    },
    async begin(fence, reply, only = undefined) {
      const outcome = await runScript(redis, beginScript, [
        fence?.lock ?? keys.reply(reply.id), keys.reply(reply.id), keys.outbox(reply.conversation), keys.conversation(reply.conversation), keys.allowed,
        fence?.token ?? '', now().toISOString(), reply.id, reply.conversation, only ?? '', randomUUID(),
      ]);
      if (outcome === 'fenced') throw new FencedError('another worker has this delivery');
      return outcome === 'settled' ? undefined : Number(outcome);
    },
    async accepted(reply, sid, attempt) {
      return Number(await runScript(redis, acceptedScript, [keys.reply(reply.id), keys.sent(sid), keys.outbox(reply.conversation), reply.id, sid, replyLifetime, attempt]));
    },
    async failed(reply, attempt, action, code) {
      const outcome = await runScript(redis, failedScript, [...where(reply), reply.id, action, code ?? '', now().getTime(), attempt, keys.reply(''), replyLifetime]);
      return outcome === 'again' || outcome === 'parked' || outcome === 'failed' ? outcome : undefined;
    },
    async note(replyId, conversation, sid, status, action, code) {
      const outcome = await runScript(redis, noteScript, [
        keys.reply(replyId), keys.sent(sid), keys.outbox(conversation), keys.parked(conversation), keys.conversation(conversation), replyId, sid, status, action, code ?? '', replyLifetime, now().getTime(), keys.reply(''),
      ]);
      return failureOutcomes.has(outcome) ? (outcome as StatusOutcome) : 'stale';
    },
    async unpark(conversation) {
      const boxes = [keys.parked(conversation), keys.outbox(conversation), keys.conversation(conversation), callKey()];
      return Number(await runScript(redis, unparkScript, [...boxes, keys.reply(''), now().toISOString(), conversation, tooOldWords(1), tooOldWords('N')]));
    },
    async find(replyId) {
      return Reply.safeParse(await redis.hgetall(keys.reply(replyId))).data;
    },
    async findSent(sid) {
      const id = await redis.get(keys.sent(sid));
      return id === null ? undefined : Reply.safeParse(await redis.hgetall(keys.reply(id))).data;
    },
    async isClaimed(sid) {
      return (await redis.exists(keys.sent(sid))) === 1;
    },
  };
}
