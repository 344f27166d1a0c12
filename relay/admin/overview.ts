import { clockTime } from '../../shared/runtime/time-zone.ts';
import type { HomeRecord, HomeRegistry } from '../../shared/store/homes/registry.ts';
import { keys, ofHome } from '../../shared/store/redis/keys.ts';
import type { HomeSuffix } from '../../shared/store/redis/keys.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import { dayOf, monthOf, totalUse } from '../../shared/store/money/spend.ts';
import type { Spend, Spent } from '../../shared/store/money/spend.ts';
import type { Turn, TurnList, WaitingInbox } from '../../shared/store/turns/turn-list.ts';
import { spreadOf } from '../metric-samples.ts';
import type { Samples, Spread } from '../metric-samples.ts';
import { readLooks } from './looks.ts';
import type { Looks } from './looks.ts';
import { project } from './money/money.ts';
import { personTimes } from './turns/turn-times.ts';

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

/** A home with how many people it was given and takes (undefined: any number). */
export type HomeLine = { name: string; people: number; takes: number | undefined; vm: VmLine };

/** The overview page's data at one moment. Amounts are US dollars. */
export type Overview = {
  vm: VmLine;
  /** The homes, where there are several; the first is the one of `vm`. */
  homes: HomeLine[];
  /** The latest turns, and those that are not over. */
  turns: Turn[];
  open: Turn[];
  /** The inboxes with something that no turn has taken up. */
  waiting: WaitingInbox[];
  looks: Looks;
  spend: { days: ({ day: string } & Spent)[]; monthUsd: number; projectedUsd: number };
  ack: Spread | undefined;
  answer: Spread | undefined;
  versions: [name: string, version: string][];
};

export type OverviewDeps = {
  redis: Redis;
  list: TurnList;
  homes: Pick<HomeRegistry, 'list'>;
  spend: Spend;
  /** How long Twilio waited for us (ms). */
  acks: Samples;
  /** Versions of the running components, by name. */
  versions: [name: string, version: string][];
};

/** How many of the latest turns are read; the page shows fewer. */
const mostTurns = 30;

/**
 * Reads everything in a bounded number of commands, and only on request. Today is the day of the
 * owner's time zone (IANA name).
 */
export async function readOverview(
  deps: OverviewDeps,
  now: number,
  zone: string,
): Promise<Overview> {
  const { redis, list, homes, spend, acks, versions } = deps;
  const today = dayOf(now, zone);
  const [vm, records, { turns }, { inboxes }, looks, days, use, redisVersion] = await Promise.all([
    readVm(redis, ''),
    homes.list(),
    list.find({ most: mostTurns }),
    list.open(),
    readLooks(redis, list, now),
    spend.days(today, 30),
    spend.use(monthOf(today)),
    readRedisVersion(redis),
  ]);
  const monthUsd = totalUse(use).costUsd;
  const answered = turns
    .map(personTimes)
    .flatMap(({ accepted, answerSent }) =>
      answerSent === undefined ? [] : [Math.max(answerSent - accepted, 0)],
    );
  return {
    vm,
    homes: records.length < 2 ? [] : await Promise.all(records.map(readHome(redis))),
    turns,
    looks,
    open: await list.readAll(inboxes.flatMap((inbox) => inbox.turns)),
    waiting: inboxes.filter(({ messages }) => messages.length > 0),
    spend: { days, monthUsd, projectedUsd: project(monthUsd, clockTime(now, zone)) },
    versions: [...versions, ['Redis', redisVersion]],
    ack: spreadOf(acks.all()),
    answer: spreadOf(answered),
  };
}

const readHome =
  (redis: Redis) =>
  async ({ name, suffix, people, takes }: HomeRecord): Promise<HomeLine> => ({
    name,
    people,
    takes,
    vm: await readVm(redis, suffix),
  });

async function readVm(redis: Redis, home: HomeSuffix): Promise<VmLine> {
  const [worker, vm, waking, wakes] = await Promise.all([
    redis.get(ofHome(keys.heartbeat, home)),
    redis.hgetall(ofHome(keys.vm, home)),
    redis.get(ofHome(keys.waking, home)),
    redis.lrange(ofHome(keys.wakes, home), 0, -1),
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

async function readRedisVersion(redis: Redis): Promise<string> {
  return /^redis_version:(\S+)/m.exec(await redis.info('server'))?.[1] ?? 'unknown';
}
