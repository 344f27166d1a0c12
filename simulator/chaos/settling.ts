import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { createPeopleStore } from '../../shared/store/people.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import type { Twin } from '../twilio/twin.ts';
import type { ReceivedReply, SentMessage } from './verdict.ts';

export type SettlingDeps = {
  redis: Redis;
  twin: Twin;
  conversations: string[];
  sent: readonly SentMessage[];
  signal: AbortSignal;
};

/**
 * The outcome of the wait: everything is delivered, or nothing has changed for too long; `stuck`
 * says where.
 */
export type Settled = { quiet: boolean; stuck: string[] };

/**
 * How long nothing may change before the system counts as stuck, and how long everything must be
 * quiet before it counts as settled (ms). The relay accepts again what Redis has lost about a
 * minute after Redis is back.
 */
const noProgressMs = 120_000;
const quietMs = 2000;
const lookMs = 200;

/** Waits until every inbox and outbox is empty, no person is on the way to another home, and every reply has its final state. */
export async function settle(parts: SettlingDeps): Promise<Settled> {
  let [before, movedAt, quietSince] = ['', Date.now(), Infinity];
  for (;;) {
    const waiting = await findWaiting(parts);
    const state = JSON.stringify([waiting, received(parts).length]);
    const now = Date.now();
    if (state !== before) [before, movedAt] = [state, now];
    quietSince = waiting.length > 0 ? Infinity : Math.min(quietSince, movedAt);
    if (now - quietSince > quietMs) return { quiet: true, stuck: [] };
    if (now - movedAt > noProgressMs || parts.signal.aborted)
      return { quiet: false, stuck: waiting };
    await sleep(lookMs);
  }
}

/** What is still on its way, one line each. */
async function findWaiting({ redis, twin, conversations, sent }: SettlingDeps): Promise<string[]> {
  const lines: string[] = [];
  for (const conversation of conversations) {
    const [messages, replies] = await Promise.all([
      redis.llen(keys.inbox(conversation)),
      redis.llen(keys.outbox(conversation)),
    ]);
    if (messages > 0) lines.push(`${conversation}: ${messages} in the inbox`);
    if (replies > 0) lines.push(`${conversation}: ${replies} in the outbox`);
    const travelling = twin.chat
      .messages(conversation)
      .filter(
        ({ direction, status }) =>
          direction === 'outbound' && (status === 'queued' || status === 'sent'),
      );
    if (travelling.length > 0)
      lines.push(`${conversation}: ${travelling.length} on their way from Twilio`);
  }
  const running = await redis.hlen(keys.background);
  if (running > 0) lines.push(`${running} sessions with work in the background`);
  if (lines.length > 0) return lines;
  for (const conversation of conversations) {
    const move = (await createPeopleStore(redis).find(conversation))?.move;
    if (move !== undefined) lines.push(`${conversation}: ${move}`);
  }
  if (lines.length > 0) return lines;
  const accepted = sent.filter(({ acceptedAt }) => acceptedAt !== undefined);
  const known = await Promise.all(
    accepted.map(async ({ sid }) => await redis.exists(keys.message(sid))),
  );
  return accepted
    .filter((_message, index) => known[index] === 0)
    .map(({ label, sid }) => `${label} (${sid}): Redis does not know of it`);
}

/** Everything Twilio took from the product, in its order within each conversation. */
export function received({
  twin,
  conversations,
}: Pick<SettlingDeps, 'twin' | 'conversations'>): ReceivedReply[] {
  const told = new Set(
    twin.memory.callbacks
      .filter(
        ({ status, params }) =>
          status === 200 &&
          (params['MessageStatus'] === 'failed' || params['MessageStatus'] === 'undelivered'),
      )
      .map(({ params }) => params['MessageSid']),
  );
  return conversations.flatMap((conversation) =>
    twin.chat
      .messages(conversation)
      .filter((message) => message.direction === 'outbound')
      .map(({ sid, text, status, at }) => ({
        sid,
        conversation,
        text,
        status,
        at: Date.parse(at),
        toldFailure: told.has(sid),
      })),
  );
}

/** Adds the state in Redis to each message. */
export async function readStates(redis: Redis, sent: SentMessage[]): Promise<void> {
  for (const message of sent) {
    const { state, turn } = await redis.hgetall(keys.message(message.sid));
    message.state = state;
    message.turn = turn;
  }
}
