import type { HomeRegistry } from '../shared/store/homes/registry.ts';
import { readHomeStates } from '../shared/store/homes/states.ts';
import type { TurnCounts } from '../shared/store/homes/states.ts';
import { keys } from '../shared/store/redis/keys.ts';
import type { MemoryUse, RedisMemory } from '../shared/store/redis/redis-memory.ts';
import type { Redis } from '../shared/store/redis/redis.ts';
import { readReplyCounts } from '../shared/store/reply-counts.ts';
import { dayOf, monthOf, totalUse } from '../shared/store/money/spend.ts';
import type { ModelUse, Spend } from '../shared/store/money/spend.ts';
import type { MeterSums, Meters } from '../shared/store/money/meters.ts';

/**
 * The state in Redis as numbers: turns by state, replies by status and failures by Twilio's code
 * since the beginning, and dollars.
 */
export type Gauges = {
  turns: Record<string, number>;
  replies: Record<string, number>;
  failures: Record<string, number>;
  spentToday: number;
  spentThisMonth: number;
  /** Today's model usage over all conversations, and the number of open requests. */
  use: ModelUse;
  modelRequestsOpen: number;
  messagesWaiting: number;
  /** Whether any worker shows signs of life. */
  isAwake: boolean;
  homes: HomeGauges[];
  /** What was counted this month. */
  meters: MeterSums;
  /** Undefined when Redis does not report it. */
  memory: MemoryUse | undefined;
};

/** A home as numbers. */
export type HomeGauges = {
  name: string;
  people: number;
  messagesWaiting: number;
  isAwake: boolean;
};

export type GaugesDeps = {
  redis: Redis;
  spend: Spend;
  memory: RedisMemory;
  meters: Pick<Meters, 'read'>;
  homes: Pick<HomeRegistry, 'list'>;
};

/** The registered homes, and the first one also before it has registered. */
async function readHomes(
  redis: Redis,
  homes: Pick<HomeRegistry, 'list'>,
): Promise<(HomeGauges & { isKnown: boolean; turns: TurnCounts })[]> {
  const known = await homes.list();
  const first = known.some(({ suffix }) => suffix === '')
    ? []
    : [{ name: '', suffix: '' as const, people: 0 }];
  const all = [...first, ...known];
  const states = await readHomeStates(
    redis,
    all.map(({ suffix }) => suffix),
  );
  return states.map(({ worker, messagesWaiting, turns }, index) => {
    const { name = '', people = 0 } = all[index] ?? {};
    const isAwake = worker !== undefined;
    return { name, isKnown: name !== '', people, messagesWaiting, isAwake, turns };
  });
}

/** The numbers of turns by state, over all homes. */
function sumTurns(homes: readonly { turns: TurnCounts }[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const [state, count] of homes.flatMap(({ turns }) => Object.entries(turns)))
    sums[state] = (sums[state] ?? 0) + count;
  return sums;
}

/** Reads the gauges. Throws when Redis is away. */
export async function readGauges(deps: GaugesDeps, now: number): Promise<Gauges> {
  const { redis, spend, memory, meters, homes: registry } = deps;
  const homes = await readHomes(redis, registry);
  const [counts, [today, month], open, memoryUse, counted] = await Promise.all([
    readReplyCounts(redis),
    spend.totals([dayOf(now), monthOf(dayOf(now))]),
    redis.hlen(keys.modelOpen),
    memory.read(),
    meters.read(dayOf(now)),
  ]);
  return {
    turns: sumTurns(homes),
    replies: counts.statuses,
    failures: counts.codes,
    spentToday: today?.spent.costUsd ?? 0,
    spentThisMonth: month?.spent.costUsd ?? 0,
    use: today?.use ?? totalUse(new Map()),
    modelRequestsOpen: open,
    messagesWaiting: homes.reduce((sum, home) => sum + home.messagesWaiting, 0),
    isAwake: homes.some(({ isAwake }) => isAwake),
    homes: homes.filter(({ isKnown }) => isKnown),
    meters: counted.month,
    memory: memoryUse,
  };
}
