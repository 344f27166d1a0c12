import { clockTime } from '../../shared/runtime/time-zone.ts';
import type { HomeRegistry } from '../../shared/store/homes/registry.ts';
import { readHomeStates } from '../../shared/store/homes/states.ts';
import type { HomeState } from '../../shared/store/homes/states.ts';
import type { HomeSuffix } from '../../shared/store/redis/keys.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import { dayOf, monthOf } from '../../shared/store/money/spend.ts';
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
  const [{ vm, lines }, { turns }, { inboxes }, looks, days, [month], redisVersion] =
    await Promise.all([
      readHomes(redis, homes),
      list.find({ most: mostTurns }),
      list.open(),
      readLooks(redis, list, now),
      spend.days(today, 30),
      spend.totals([monthOf(today)]),
      readRedisVersion(redis),
    ]);
  const monthUsd = month?.use.costUsd ?? 0;
  const answered = turns
    .map(personTimes)
    .flatMap(({ accepted, answerSent }) =>
      answerSent === undefined ? [] : [Math.max(answerSent - accepted, 0)],
    );
  return {
    vm,
    homes: lines.length < 2 ? [] : lines,
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

/** The first home's computer, and all homes. */
async function readHomes(
  redis: Redis,
  homes: Pick<HomeRegistry, 'list'>,
): Promise<{ vm: VmLine; lines: HomeLine[] }> {
  const records = await homes.list();
  const suffixes = new Set<HomeSuffix>(['', ...records.map(({ suffix }) => suffix)]);
  const states = await readHomeStates(redis, [...suffixes]);
  const vmOf = (suffix: HomeSuffix): VmLine => toVmLine(states[[...suffixes].indexOf(suffix)]);
  return {
    vm: vmOf(''),
    lines: records.map(({ name, suffix, people, takes }) => ({
      name,
      people,
      takes,
      vm: vmOf(suffix),
    })),
  };
}

function toVmLine(found: HomeState | undefined): VmLine {
  const { worker, wakingSince, asleepSince, nextDue, wakes = [] } = found ?? {};
  const shown = { worker, nextDue, wakes };
  if (worker !== undefined) return { ...shown, state: 'awake', since: undefined };
  if (wakingSince !== undefined) return { ...shown, state: 'waking', since: wakingSince };
  return asleepSince === undefined
    ? { ...shown, state: 'away', since: undefined }
    : { ...shown, state: 'asleep', since: asleepSince };
}

async function readRedisVersion(redis: Redis): Promise<string> {
  return /^redis_version:(\S+)/m.exec(await redis.info('server'))?.[1] ?? 'unknown';
}
