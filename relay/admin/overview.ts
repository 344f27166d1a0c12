import { parseFailed } from '../../shared/store/boxes/failed-messages.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import { readMessage } from '../../shared/store/message.ts';
import type { Message } from '../../shared/store/message.ts';
import { readOwnerWords } from '../../shared/store/owner.ts';
import type { OwnerWord } from '../../shared/store/owner.ts';
import type { Turns } from '../../shared/store/queues.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import { Reply } from '../../shared/store/reply.ts';
import { readFailures } from '../../shared/store/reply-counts.ts';
import { dayOf, monthOf, totalUse } from '../../shared/store/money/spend.ts';
import type { ModelUse, Spend, Spent } from '../../shared/store/money/spend.ts';
import { createVmState } from '../../shared/store/vm-state.ts';
import { spreadOf } from '../metric-samples.ts';
import type { Samples, Spread } from '../metric-samples.ts';
import { readTurnLines } from './turn-line.ts';
import type { TurnLine } from './turn-line.ts';

/**
 * The VM's state. `since` and `nextDue` are ms since 1970; `wakes` are the durations of the last
 * wakes (ms), newest first.
 */
export type VmLine = {
  state: 'awake' | 'waking' | 'asleep' | 'away';
  worker: string | undefined;
  since: number | undefined;
  nextDue: number | undefined;
  wakes: number[];
};

/**
 * A conversation: the numbers of unanswered messages, replies to send, and replies parked until the
 * person writes; and since when the oldest message waits.
 */
export type ConversationLine = {
  number: string;
  waiting: number;
  sending: number;
  parked: number;
  waitingSince: number | undefined;
  costToday: number;
};

/**
 * Messages that a turn has given up, oldest first; the turn is undefined if its record has expired.
 */
export type DeadTurn = { turn: string | undefined; messages: Message[] };

/** The overview page's data at one moment. */
export type Overview = {
  now: number;
  vm: VmLine;
  conversations: ConversationLine[];
  /**
   * All waiting messages, including those of unlisted conversations; and the number of unlisted
   * conversations.
   */
  messagesWaiting: number;
  unlisted: number;
  turns: TurnLine[];
  deadTurns: DeadTurn[];
  failedReplies: Reply[];
  /** Notices to the owner, newest first. */
  ownerWords: OwnerWord[];
  spend: ({ day: string } & Spent)[];
  monthUsd: number;
  /** This month's requests whose full cost never became known. */
  unsettled: Pick<ModelUse, 'unsettled' | 'unsettledUsd'>;
  ack: Spread | undefined;
  answer: Spread | undefined;
  versions: [name: string, version: string][];
};

export type OverviewParts = {
  redis: Redis;
  turns: Turns;
  spend: Spend;
  /** How long Twilio waited for us (ms). */
  acks: Samples;
  /** Versions of the running components, by name. */
  versions: [name: string, version: string][];
};

/**
 * How many conversations are listed, those with waiting work first. Bounds the cost of the page.
 */
const mostConversations = 100;

/** How many of each kind are shown. */
const mostShown = 30;

/** Reads everything in a handful of trips to Redis, and only on request. */
export async function readOverview(
  { redis, turns, spend, acks, versions }: OverviewParts,
  now: number,
): Promise<Overview> {
  const today = dayOf(now);
  const [
    vm,
    waiting,
    present,
    lines,
    days,
    spending,
    use,
    failedReplies,
    ownerWords,
    redisVersion,
  ] = await Promise.all([
    readVm(redis),
    createVmState(redis).waiting(now),
    readConversations(redis),
    readTurnLines(redis, turns, mostShown),
    spend.days(today, 30),
    spend.read(today),
    spend.use(monthOf(today)),
    readFailedReplies(redis),
    readOwnerWords(redis),
    readRedisVersion(redis),
  ]);
  const listed = [
    ...new Set([...present.first, ...spending.today.keys(), ...present.others]),
  ].slice(0, mostConversations);
  const boxes = await readBoxes(redis, listed.toSorted());
  return {
    now,
    vm,
    failedReplies,
    ownerWords,
    versions: [...versions, ['Redis', redisVersion]],
    conversations: boxes.map(({ line }) => ({
      ...line,
      costToday: spending.today.get(line.number)?.costUsd ?? 0,
    })),
    messagesWaiting: waiting.messages,
    unlisted: Math.max(present.count - listed.length, 0),
    turns: lines,
    deadTurns: await byTurn(
      redis,
      boxes.flatMap(({ dead }) => dead),
    ),
    spend: days,
    monthUsd: [...spending.month.values()].reduce((sum, { costUsd }) => sum + costUsd, 0),
    unsettled: totalUse(use),
    ack: spreadOf(acks.all()),
    answer: spreadOf(
      lines.flatMap(({ state, tookMs }) =>
        state === 'done' && tookMs !== undefined ? [tookMs] : [],
      ),
    ),
  };
}

async function readVm(redis: Redis): Promise<VmLine> {
  const [worker, vm, waking, wakes] = await Promise.all([
    redis.get(keys.heartbeat),
    redis.hgetall(keys.vm),
    redis.get(keys.waking),
    redis.lrange(keys.wakes, 0, -1),
  ]);
  const state = worker ? 'awake' : waking ? 'waking' : vm['state'] === 'asleep' ? 'asleep' : 'away';
  const since = state === 'waking' ? waking : state === 'asleep' ? vm['since'] : undefined;
  return {
    state,
    worker: worker ?? undefined,
    since: since ? Number(since) : undefined,
    nextDue: vm['nextDue'] ? Number(vm['nextDue']) : undefined,
    wakes: wakes.map(Number),
  };
}

/**
 * The conversations with waiting work, and some of the others; `count` is their total and counts a
 * conversation in both sets twice.
 */
async function readConversations(
  redis: Redis,
): Promise<{ first: string[]; others: string[]; count: number }> {
  const some = (set: string): Promise<string[]> => redis.srandmember(set, mostConversations);
  const [busy, givenUp, parking, others, inBusy, inKnown] = await Promise.all([
    some(keys.conversations),
    some(keys.givenUp),
    some(keys.parking),
    some(keys.known),
    redis.scard(keys.conversations),
    redis.scard(keys.known),
  ]);
  return {
    first: [...busy, ...givenUp, ...parking],
    others,
    count: inKnown <= mostConversations ? new Set([...busy, ...others]).size : inBusy + inKnown,
  };
}

async function readBoxes(
  redis: Redis,
  numbers: string[],
): Promise<{ line: Omit<ConversationLine, 'costToday'>; dead: Message[] }[]> {
  return await Promise.all(
    numbers.map(async (number) => {
      const [waiting, sending, parked, oldest, failed] = await Promise.all([
        redis.llen(keys.inbox(number)),
        redis.llen(keys.outbox(number)),
        redis.llen(keys.parked(number)),
        redis.lindex(keys.inbox(number), 0),
        redis.hget(keys.conversation(number), 'failed'),
      ]);
      const since = Date.parse(readMessage(oldest ?? '')?.at ?? '');
      return {
        line: {
          number,
          waiting,
          sending,
          parked,
          waitingSince: Number.isNaN(since) ? undefined : since,
        },
        dead: parseFailed(failed),
      };
    }),
  );
}

/** The latest given-up messages, newest turn first. */
async function byTurn(redis: Redis, dead: Message[]): Promise<DeadTurn[]> {
  const newest = dead.toSorted((a, b) => Date.parse(b.at) - Date.parse(a.at)).slice(0, mostShown);
  const named = await Promise.all(
    newest.map(async (message) => ({
      message,
      turn: (await redis.hget(keys.message(message.id), 'turn')) ?? undefined,
    })),
  );
  const groups = Map.groupBy(named, ({ message, turn }) => turn ?? message.conversation);
  return [...groups.values()].map((group) => ({
    turn: group[0]?.turn,
    messages: group.map(({ message }) => message).toReversed(),
  }));
}

async function readFailedReplies(redis: Redis): Promise<Reply[]> {
  const ids = await readFailures(redis, mostShown);
  const hashes = await Promise.all(ids.map((id) => redis.hgetall(keys.reply(id))));
  return hashes.flatMap((hash) => Reply.safeParse(hash).data ?? []);
}

async function readRedisVersion(redis: Redis): Promise<string> {
  return /^redis_version:(\S+)/m.exec(await redis.info('server'))?.[1] ?? 'unknown';
}
