import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { runRedisServer } from '../../simulator/redis-server.ts';
import { cpuMicrosOf } from '../cpu-time.ts';
import { startLoad } from '../load.ts';
import type { Load } from '../load.ts';
import { withRelayStage } from '../relay-stage.ts';
import type { RelayProcess, RelayStage } from '../relay-stage.ts';
import type { BenchOptions, Row } from '../section.ts';
import { formatNumber, formatRatio, formatSpread, median, medianRatio } from '../statistics.ts';
import type { Writers } from '../webhook-requests.ts';
import { countCalls, forgetMessages, registerPeople, showLife } from './registered.ts';

/** How much more a message or the relay may take with more people and homes. */
const most = { calls: 1.05, cpu: 1.2, memory: 1.2 };

/** `messages` of a round, by a hundred people; `quietMs` is how long asleep homes are watched. */
type Size = { homes: number; people: number; messages: number; quietMs: number; rounds: number };

const sizes: { full: Size; quick: Size } = {
  full: { homes: 50, people: 10_000, messages: 4000, quietMs: 20_000, rounds: 3 },
  quick: { homes: 10, people: 1000, messages: 300, quietMs: 1500, rounds: 1 },
};
const smallSize = { homes: 1, people: 100 };

/** The cost of a message: Redis commands, and CPU of Redis and of the relay (µs). */
type Cost = { calls: number; redis: number; relay: number };

/** A relay with its Redis, and how many homes and people are registered there. */
type Side = {
  redis: Redis;
  redisPid: number;
  relay: RelayProcess;
  homes: number;
  people: number;
};

/** Who writes in turn: everybody, a hundred people of the first home, or a hundred of all homes. */
const writers = {
  all: ({ people }: Side): Writers => ({ count: people, apart: 1 }),
  firstHome: { count: 100, apart: 1 },
  everyHome: ({ people }: Side): Writers => ({ count: 100, apart: people / 100 }),
};

async function startSide(
  stage: RelayStage,
  where: { redis: Redis; redisUrl?: string },
  size: { homes: number; people: number },
): Promise<Side> {
  await registerPeople(where.redis, size.homes, size.people);
  const relay = await stage.start('ours', where.redisUrl ? { redisUrl: where.redisUrl } : {});
  await stage.untilReady(relay);
  const redisPid = Number(/^process_id:(\d+)/m.exec(await where.redis.info('server'))?.[1]);
  return { redis: where.redis, redisPid, relay, ...size };
}

/** Waits until nothing has been asked of Redis for a second but this; throws after a minute. */
async function untilQuiet(redis: Redis, signal: AbortSignal): Promise<void> {
  for (const deadline = Date.now() + 60_000; Date.now() < deadline;) {
    const before = await countCalls(redis);
    await sleep(1000, undefined, { signal });
    if ((await countCalls(redis)) === before + 1) return;
  }
  throw new Error('a relay without anything to do does not become quiet');
}

/** The commands that Redis gets in `quietMs` while every home sleeps and no message arrives. */
async function countAsleep(redis: Redis, quietMs: number, signal: AbortSignal): Promise<number> {
  await untilQuiet(redis, signal);
  const before = await countCalls(redis);
  await sleep(quietMs, undefined, { signal });
  // The look itself is one.
  return (await countCalls(redis)) - before - 1;
}

async function measureCost(
  load: Load,
  { redis, redisPid, relay }: Side,
  messages: number,
  who: Writers,
  status?: string,
): Promise<Cost> {
  await forgetMessages(redis);
  const look = async (): Promise<Cost> => ({
    calls: await countCalls(redis),
    redis: cpuMicrosOf(redisPid),
    relay: relay.cpuMicros(),
  });
  const before = await look();
  await load.run(
    {
      port: relay.port,
      connections: 10,
      count: messages,
      signing: 'right',
      addresses: 'one',
      writers: who,
    },
    status,
  );
  const after = await look();
  return {
    calls: (after.calls - before.calls - 1) / messages,
    redis: (after.redis - before.redis) / messages,
    relay: (after.relay - before.relay) / messages,
  };
}

type Found = {
  asleep: number;
  small: Cost[];
  large: Cost[];
  /** Those of the first home write, and the other homes sleep. */
  besideAsleep: Cost[];
  first: Cost;
  memory: { small: number[]; large: number[] };
};

async function measure(options: BenchOptions, stage: RelayStage, size: Size): Promise<Found> {
  const { signal, say } = options;
  const server = await runRedisServer({ dir: path.join(stage.dir, 'many') });
  const redis = new Redis(server.url);
  redis.on('error', () => undefined);
  const load = startLoad();
  try {
    const large = await startSide(stage, { redis, redisUrl: server.url }, size);
    const asleep = await countAsleep(redis, size.quietMs, signal);
    say(`${asleep} commands of asleep homes in ${size.quietMs / 1000} s`);
    const small = await startSide(stage, { redis: stage.redis }, smallSize);
    await showLife(small.redis, small.homes, true);
    await showLife(large.redis, large.homes, true);
    // Everybody writes once, so that the relay knows where each person is, and both have had as much.
    const first = await measureCost(load, large, size.people, writers.all(large));
    await measureCost(load, small, size.people, writers.all(small));
    const found: Found = {
      asleep,
      first,
      small: [],
      large: [],
      besideAsleep: [],
      memory: { small: [], large: [] },
    };
    for (let round = 0; round < size.rounds; round += 1) {
      signal.throwIfAborted();
      await showLife(large.redis, large.homes, true);
      found.small.push(await measureCost(load, small, size.messages, writers.firstHome, '200'));
      found.large.push(
        await measureCost(load, large, size.messages, writers.everyHome(large), '200'),
      );
      found.memory.small.push(small.relay.residentBytes());
      found.memory.large.push(large.relay.residentBytes());
      await forgetMessages(large.redis);
      await showLife(large.redis, large.homes, false);
      await showLife(large.redis, 1, true);
      found.besideAsleep.push(
        await measureCost(load, large, size.messages, writers.firstHome, '200'),
      );
      say(`round ${round + 1} of ${size.rounds}`);
    }
    return found;
  } finally {
    await load.stop();
    redis.disconnect();
    await server.stop();
  }
}

/** What a message costs the relay and Redis with many homes and people, next to a few. */
export async function measureAccepting(
  options: BenchOptions,
): Promise<{ rows: Row[]; notes: string[] }> {
  const size = options.quick ? sizes.quick : sizes.full;
  const rounds = Math.min(options.rounds, size.rounds);
  const found = await withRelayStage(options, (stage) =>
    measure(options, stage, { ...size, rounds }),
  );
  const many = `${size.homes} homes and ${size.people.toLocaleString('en')} people`;
  const costRow = (
    what: string,
    part: keyof Cost,
    unit: string,
    side: Cost[],
    mostRatio: number,
  ): Row => {
    const [ours, peer] = [side, found.small].map((costs) => costs.map((cost) => cost[part]));
    return {
      what,
      ours: formatSpread(ours ?? [], unit),
      peer: `1 home, 100 people ${formatSpread(peer ?? [], unit)}`,
      ratio: formatRatio(ours ?? [], peer ?? []),
      target: `≤ ${mostRatio}×`,
      held: medianRatio(ours ?? [], peer ?? []) <= mostRatio,
    };
  };
  const megabytes = (values: number[]): number[] => values.map((bytes) => bytes / 2 ** 20);
  const [own, other] = [megabytes(found.memory.large), megabytes(found.memory.small)];
  return {
    rows: [
      costRow(
        `accepting a message with ${many}: Redis commands`,
        'calls',
        '',
        found.large,
        most.calls,
      ),
      costRow('CPU of the relay', 'relay', 'µs', found.large, most.cpu),
      costRow('CPU of Redis', 'redis', 'µs', found.large, most.cpu),
      costRow(
        `the same while ${size.homes - 1} of the homes sleep: Redis commands`,
        'calls',
        '',
        found.besideAsleep,
        most.calls,
      ),
      {
        what: 'memory of the relay',
        ours: formatSpread(own, 'MB'),
        peer: `1 home, 100 people ${formatSpread(other, 'MB')}`,
        ratio: formatRatio(own, other),
        target: `≤ ${most.memory}×`,
        held: medianRatio(own, other) <= most.memory,
      },
      {
        what: `Redis commands in ${size.quietMs / 1000} s while all ${size.homes} homes sleep`,
        ours: String(found.asleep),
        target: '0',
        held: found.asleep === 0,
      },
    ],
    notes: [
      `Redis commands are those of \`INFO commandstats\`, so what scripts call counts. A person’s first message after a start of the relay takes ${formatNumber(found.first.calls)} of them instead of ${formatNumber(median(found.large.map(({ calls }) => calls)))}: the relay guesses the first home, and Redis names the right one.`,
    ],
  };
}
