import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Redis } from 'ioredis';
import { prefix } from '../shared/store/redis/keys.ts';
import { createShutdown } from '../shared/runtime/lifecycle.ts';
import { keptJobs } from '../shared/store/redis/retention.ts';
import { queueNames } from '../shared/store/vm-state.ts';
import { runRedisServer } from '../simulator/redis-server.ts';
import type { RedisServer } from '../simulator/redis-server.ts';
import { startBacklogChild } from './backlog-child.ts';
import type { BacklogChild, Looked } from './backlog-child.ts';
import { cpuMicrosOf } from './cpu-time.ts';
import type { BenchOptions, Plot, Row, Section, SectionResult } from './section.ts';
import { formatNumber, median } from './statistics.ts';

/**
 * `block` messages are measured together: a hundredth of all. `warmUp` messages come before
 * anything is measured.
 */
type Size = { messages: number; conversations: number; block: number; warmUp: number };

const sizes: { full: Size; quick: Size } = {
  full: { messages: 100_000, conversations: 10_000, block: 1000, warmUp: 20_000 },
  quick: { messages: 2000, conversations: 200, block: 100, warmUp: 2000 },
};

/** The CPU cost of accepting a message (µs) at a given number of waiting messages. */
type Cost = { waiting: number; relay: number; redis: number };

/** `empty` is a Redis with nothing in it, to compare with. */
type Stage = {
  options: BenchOptions;
  size: Size;
  server: RedisServer;
  empty: RedisServer;
  dataDir: string;
};

const mostRatio = 1.2;

/**
 * The number of blocks at the beginning, and at the end, whose medians are compared: a single block
 * reflects mostly the noise of the machine.
 */
const compared = 9;

/** A relay on one of the Redis servers, and the cost of a block of messages there. */
function startRelay(
  server: RedisServer,
  searchPath: string,
): BacklogChild & { cost: (from: number, block: number, conversations: number) => Promise<Cost> } {
  const relay = startBacklogChild(
    'bench/backlog-relay.ts',
    {
      PORT: '8080',
      PUBLIC_URL: 'https://relay.example.com',
      REDIS_URL: server.url,
      TWILIO_ACCOUNT_SID: `AC${'7'.repeat(32)}`,
      TWILIO_AUTH_TOKEN: 'x',
      TWILIO_WHATSAPP_NUMBER: '+15550100000',
      ALLOWED_SENDERS: '+15551230000',
      WAKE_URL: 'http://127.0.0.1:9',
      WAKE_SECRET: 'bench',
      SENDER_LIMIT_PER_MINUTE: '1000000',
    },
    searchPath,
  );
  return {
    ...relay,
    async cost(from, block, conversations) {
      const before = cpuMicrosOf(server.pid);
      const micros = await relay.accept({ from, to: from + block, conversations });
      return {
        waiting: from + block,
        relay: micros / block,
        redis: (cpuMicrosOf(server.pid) - before) / block,
      };
    },
  };
}

/**
 * Accepts all messages; each block alternates with a block that another process accepts into an
 * empty Redis.
 */
async function fill({
  options: { say, signal, searchPath },
  size,
  server,
  empty,
}: Stage): Promise<{ costs: Cost[]; peers: Cost[]; looks: Looked[] }> {
  const [relay, peer] = [startRelay(server, searchPath), startRelay(empty, searchPath)];
  const [redis, peerRedis] = [new Redis(server.url), new Redis(empty.url)];
  try {
    // A process is slow until it is warm, which is unrelated to the backlog.
    for (const each of [relay, peer])
      await each.accept({ from: 0, to: size.warmUp, conversations: 100 });
    await redis.flushall();
    const [costs, peers, looks]: [Cost[], Cost[], Looked[]] = [[], [], []];
    for (let from = 0; from < size.messages; from += 2 * size.block) {
      signal.throwIfAborted();
      await relay.accept({ from, to: from + size.block, conversations: size.conversations });
      costs.push(await relay.cost(from + size.block, size.block, size.conversations));
      await peerRedis.flushall();
      // The same messages, so that only the backlog differs.
      peers.push(await peer.cost(from + size.block, size.block, size.conversations));
      if (costs.length % 5 === 0) {
        looks.push(await relay.look());
        say(`${from + 2 * size.block} messages wait`);
      }
    }
    return { costs, peers, looks };
  } finally {
    for (const each of [redis, peerRedis]) each.disconnect();
    await Promise.all([relay.stop(), peer.stop()]);
  }
}

async function workOff({
  options: { say, signal, searchPath },
  size,
  server,
  dataDir,
}: Stage): Promise<{ looks: Looked[]; seconds: number }> {
  const start = performance.now();
  const worker = startBacklogChild(
    'bench/backlog-worker.ts',
    {
      PORT: '0',
      HOST: '127.0.0.1',
      PUBLIC_URL: 'https://relay.example.com',
      REDIS_URL: server.url,
      TWILIO_ACCOUNT_SID: `AC${'7'.repeat(32)}`,
      TWILIO_AUTH_TOKEN: 'x',
      TWILIO_WHATSAPP_NUMBER: '+15550100000',
      ANTHROPIC_API_KEY: 'scripted',
      DATA_DIR: dataDir,
      WORKER_ID: 'vm',
    },
    searchPath,
  );
  try {
    const looks: Looked[] = [];
    for (let answered = -1; answered < size.messages;) {
      signal.throwIfAborted();
      await new Promise((resolve) => setTimeout(resolve, 200));
      const looked = await worker.look();
      if (looked.answered === answered && performance.now() - start > 600_000)
        throw new Error('the backlog was not worked off in ten minutes');
      answered = looked.answered;
      if (answered >= (looks.length + 1) * size.messages * 0.1) {
        looks.push(looked);
        say(`${answered} messages answered`);
      }
    }
    return { looks, seconds: (performance.now() - start) / 1000 };
  } finally {
    await worker.stop();
  }
}

/**
 * The length of BullMQ's event streams and the number of finished jobs it keeps: the maximum over
 * the queues.
 */
async function readBounds(server: RedisServer): Promise<{ events: number; kept: number }> {
  const redis = new Redis(server.url);
  try {
    const events = await Promise.all(
      queueNames.map((queue) => redis.xlen(`${prefix}:${queue}:events`)),
    );
    const kept = await Promise.all(
      queueNames.map((queue) => redis.zcard(`${prefix}:${queue}:completed`)),
    );
    return { events: Math.max(...events), kept: Math.max(...kept) };
  } finally {
    redis.disconnect();
  }
}

const megabytes = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MB`;

/** The last third against the first: this shows memory that grows with the backlog. */
function memoryRow(what: string, looks: Looked[]): Row {
  const third = Math.ceil(looks.length / 3);
  const [first, last] = [looks.slice(0, third), looks.slice(-third)].map((part) => ({
    resident: median(part.map((look) => look.residentBytes)),
    heap: median(part.map((look) => look.heapBytes)),
  }));
  const ratio = (last?.resident ?? Number.NaN) / (first?.resident ?? Number.NaN);
  return {
    what,
    ours: `${megabytes(first?.resident ?? 0)} → ${megabytes(last?.resident ?? 0)} (heap ${megabytes(first?.heap ?? 0)} → ${megabytes(last?.heap ?? 0)})`,
    ratio: `${ratio.toFixed(2)}×`,
    target: `≤ ${mostRatio}×`,
    held: ratio <= mostRatio,
  };
}

/**
 * The growth of a cost: the end against the beginning, each as a multiple of the cost with an empty
 * Redis at that time.
 */
function costRow(who: 'relay' | 'redis', costs: Cost[], peers: Cost[]): Row {
  const pairs = costs.map((cost, index) => ({
    ours: cost[who],
    peer: peers[index]?.[who] ?? Number.NaN,
  }));
  const [first, last] = [pairs.slice(0, compared), pairs.slice(-compared)].map((part) => ({
    ours: median(part.map(({ ours }) => ours)),
    peer: median(part.map(({ peer }) => peer)),
    times: median(part.map(({ ours, peer }) => ours / peer)),
  }));
  const ratio = (last?.times ?? Number.NaN) / (first?.times ?? Number.NaN);
  const fromTo = (side: 'ours' | 'peer'): string =>
    `${formatNumber(first?.[side] ?? Number.NaN)} → ${formatNumber(last?.[side] ?? Number.NaN)} µs`;
  return {
    what: `accepting a message, CPU of ${who === 'relay' ? 'the relay' : 'Redis'}: the first 1 % → the last`,
    ours: fromTo('ours'),
    peer: `empty ${fromTo('peer')}`,
    ratio: `${ratio.toFixed(2)}×`,
    target: `≤ ${mostRatio}×`,
    held: ratio <= mostRatio,
  };
}

function plotOf(costs: Cost[]): Plot {
  const points = costs.filter((_, index) => index % 2 === 1);
  const line = (name: string, who: 'relay' | 'redis'): Plot['series'][number] => ({
    name,
    points: points.map((cost) => [cost.waiting, Math.round(cost[who])]),
  });
  return {
    file: 'backlog.svg',
    title: 'What accepting a message costs, by how many wait',
    x: 'messages waiting',
    y: 'µs of CPU',
    series: [line('relay', 'relay'), line('Redis', 'redis')],
  };
}

async function measure(stage: Stage): Promise<SectionResult> {
  const filled = await fill(stage);
  const worked = await workOff(stage);
  const { events, kept } = await readBounds(stage.server);
  const last = worked.looks.at(-1);
  const { messages, conversations } = stage.size;
  return {
    rows: [
      costRow('relay', filled.costs, filled.peers),
      costRow('redis', filled.costs, filled.peers),
      memoryRow('memory of the relay while they come in', filled.looks),
      memoryRow('memory of the worker while it works them off', worked.looks),
      {
        what: 'answered, and out of order',
        ours: `${last?.answered ?? 0}, ${last?.outOfOrder ?? 0}`,
        target: `${messages}, 0`,
        held: last?.answered === messages && last.outOfOrder === 0,
      },
      {
        what: 'BullMQ’s longest event stream, and most finished jobs kept',
        ours: `${events}, ${kept}`,
        target: '≤ 300, ≤ 1,100',
        held: events <= 300 && kept <= keptJobs(30).count + 100,
      },
    ],
    notes: [
      `${messages.toLocaleString('en')} messages over ${conversations.toLocaleString('en')} conversations; worked off in ${Math.round(worked.seconds)} s, ${Math.round(conversations / worked.seconds)} turns a second with their deliveries. Memory is the resident set after a collection of garbage, of the first and of the last third of the way. The relay’s ratio was 0.92 in one run and 1.21 in another of the same code: that is the machine’s noise; its cost in µs falls or rises with the empty one’s.`,
    ],
    plots: stage.options.quick ? [] : [plotOf(filled.costs)],
  };
}

export const backlogSection: Section = {
  name: 'backlog',
  title: 'A backlog',
  method:
    'While the worker sleeps, 100,000 messages over 10,000 conversations come in, 50 at a time, through what the relay does with a message once its signature is right: limit, intake, “typing…”, and a waker whose VM does not wake, and who does not tell people of it here. CPU is taken for every other hundredth, of that process and of Redis, in turn with as many messages by another such process into an empty Redis; the ratio is how that multiple has grown. Then the whole worker works them off, around an agent that answers at once and a carrier that takes everything; the agent checks the order within each conversation.',
  async run(options) {
    const shutdown = createShutdown(options.log);
    try {
      const dir = await mkdtemp(path.join(tmpdir(), 'sidepocket-bench-'));
      shutdown.add('directory', () => rm(dir, { recursive: true, force: true, maxRetries: 3 }));
      const server = await runRedisServer({ dir: path.join(dir, 'redis') });
      shutdown.add('redis server', () => server.stop());
      const empty = await runRedisServer({ dir: path.join(dir, 'empty') });
      shutdown.add('empty redis server', () => empty.stop());
      return await measure({
        options,
        size: options.quick ? sizes.quick : sizes.full,
        server,
        empty,
        dataDir: path.join(dir, 'data'),
      });
    } finally {
      await shutdown.run();
    }
  },
};
