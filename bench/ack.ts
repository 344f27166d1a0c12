import { startLoad } from './load.ts';
import type { Load } from './load.ts';
import { withRelayStage } from './relay-stage.ts';
import type { RelayProcess, RelayStage, Side } from './relay-stage.ts';
import { countTrips } from './round-trips.ts';
import type { BenchOptions, Row, Section, SectionResult } from './section.ts';
import { formatRatio, formatSpread, median, medianRatio, percentile } from './statistics.ts';

const sides = ['ours', 'floor', 'plain'] as const satisfies Side[];
type Compared = (typeof sides)[number];

/** Requests per round, by the number of connections. */
const requests = new Map([
  [1, 800],
  [10, 3000],
  [50, 4000],
]);
const quickRequests = new Map([
  [1, 150],
  [10, 600],
  [50, 600],
]);

/**
 * The result of one round: CPU time per request (µs), and the latency of the answers at p50 and p99
 * (ms).
 */
type Round = { cpu: number; p50: number; p99: number };

/** The rounds of each side. */
type Rounds = Record<Compared, Round[]>;

/** The limit, as a multiple. */
const targets = { floor: 1.5, plain: 0.75, p99: 2 };

/**
 * Why a target against the plain way is missed, from CPU profiles of 8,000 webhooks over 10
 * connections.
 */
const notes =
  'Half of the answers over 10 connections came after 1.15, 1.29, 1.68 and 1.79 times the floor’s time in four runs, while 1 and 50 connections held in each: at this load the lines of the log and the writes of ten requests are gathered, which waits for a turn of the event loop. Where the plain way is not undercut by a quarter: on Node 24 Express, its router and its form parser take about 65 µs of a webhook (on Node 20 they took 240), and two plain commands to Redis are cheaper for ioredis than one transaction of five (19 against 31 µs). A profile of ours gives, of about 250 µs: 42 the system call that answers, 14 the one that speaks to Redis, 31 ioredis, 17 the HMAC, 15 BullMQ and its packing of the job, 14 garbage collection, 12 the parsing of the form, 25 Node’s HTTP, 9 the log (14 since pino redacts it), 2 the metrics, and about 35 all code of our own; so without the log ours takes about as much CPU as the plain way, which logs nothing, and without limits, metrics and what keeps a duplicate from adding a turn, too, a webhook in one such transaction measured 0.6 to 0.85 of it. Tried and dropped: a transaction by ioredis’s `multi()` (65 µs more: an object with BullMQ’s 60 scripts as methods, each time), leaving out the third command of the transaction, shorter scripts and no time-out on the commands (nothing that could be measured). With a network between relay and Redis the second trip of the plain way decides: see the last line.';

export const ackSection: Section = {
  name: 'ack',
  title: 'A webhook, from its arrival to the 200',
  method:
    'Signed forms as Twilio posts them, each with its own MessageSid, from 100 phones, over 1, 10 and 50 keep-alive connections that each wait for their answer. *Ours* is `node relay/main.ts` as in production, with log, limits, metrics, waker and a worker that shows signs of life. The *floor* is bare node:http with one HMAC and claim, inbox and turn in one transaction. The *plain way* is Express with its form parser, Twilio’s `validateRequest`, SET NX and then `queue.add`. Redis (`appendfsync always`), load generator and relay are processes of their own; CPU is that of the relay’s process, all threads.',
  run: (options) => withRelayStage(options, (stage) => measure(options, stage)),
};

async function measure(
  { quick, rounds, say, signal }: BenchOptions,
  stage: RelayStage,
): Promise<SectionResult> {
  const load = startLoad();
  try {
    const relays = new Map<Compared, RelayProcess>();
    for (const side of sides) relays.set(side, await stage.start(side));
    for (const relay of relays.values()) await stage.untilReady(relay);
    await warmUp(stage, load, relays, quick ? 800 : 20_000);
    const found = new Map<number, Rounds>();
    // The first round makes the requests.
    for (let round = 0; round <= rounds; round += 1) {
      for (const [connections, count] of quick ? quickRequests : requests) {
        const kept = found.get(connections) ?? { ours: [], floor: [], plain: [] };
        found.set(connections, kept);
        for (const [side, relay] of relays) {
          signal.throwIfAborted();
          const result = await measureRound(stage, load, relay, connections, count);
          if (round > 0) kept[side].push(result);
        }
      }
      if (round > 0) say(`round ${round} of ${rounds}`);
    }
    const trips = await countTrips(stage, load, quick);
    return {
      rows: [...[...found].flatMap(([connections, kept]) => rowsOf(connections, kept)), ...trips],
      notes: [floorAgainstPlain(found), notes],
      plots: [plotOf(found)],
    };
  } finally {
    await load.stop();
  }
}

/**
 * A process reaches its full speed only after some ten thousand requests; until then the
 * measurement includes the compiler.
 */
async function warmUp(
  stage: RelayStage,
  load: Load,
  relays: Map<Compared, RelayProcess>,
  requests: number,
): Promise<void> {
  for (const relay of relays.values()) {
    for (let sent = 0; sent < requests; sent += 4000) {
      await load.run(
        {
          port: relay.port,
          connections: 25,
          count: Math.min(requests, 4000),
          signing: 'right',
          addresses: 'one',
        },
        '200',
      );
      await stage.empty();
    }
  }
}

async function measureRound(
  stage: RelayStage,
  load: Load,
  relay: RelayProcess,
  connections: number,
  count: number,
): Promise<Round> {
  await stage.empty();
  const before = relay.cpuMicros();
  const { milliseconds } = await load.run(
    { port: relay.port, connections, count, signing: 'right', addresses: 'one' },
    '200',
  );
  const cpu = (relay.cpuMicros() - before) / count;
  const stored = await stage.empty();
  if (stored !== count) throw new Error(`${stored} of ${count} messages were stored`);
  return { cpu, p50: percentile(milliseconds, 0.5), p99: percentile(milliseconds, 0.99) };
}

function rowsOf(connections: number, { ours, floor, plain }: Rounds): Row[] {
  const at = `${connections} connection${connections === 1 ? '' : 's'}`;
  const row = (
    what: string,
    unit: string,
    part: keyof Round,
    peer: Round[],
    peerName: string,
    most: number,
  ): Row => {
    const [own, other] = [ours.map((round) => round[part]), peer.map((round) => round[part])];
    return {
      what: `${what}, ${at}`,
      ours: formatSpread(own, unit),
      peer: `${peerName} ${formatSpread(other, unit)}`,
      ratio: formatRatio(own, other),
      target: `≤ ${most}×`,
      held: medianRatio(own, other) <= most,
    };
  };
  return [
    row('CPU a webhook', 'µs', 'cpu', floor, 'floor', targets.floor),
    row('CPU a webhook', 'µs', 'cpu', plain, 'plain', targets.plain),
    row('p50', 'ms', 'p50', floor, 'floor', targets.floor),
    row('p50', 'ms', 'p50', plain, 'plain', targets.plain),
    row('p99', 'ms', 'p99', floor, 'floor', targets.p99),
  ];
}

/**
 * The cost of storing a message alone: no implementation with the floor's guarantees can undercut
 * the plain way by more.
 */
function floorAgainstPlain(found: Map<number, Rounds>): string {
  const ratios = [...found].map(
    ([connections, { floor, plain }]) =>
      `${formatRatio(
        floor.map(({ cpu }) => cpu),
        plain.map(({ cpu }) => cpu),
      )} at ${connections}`,
  );
  return `The floor itself, which is bare \`node:http\` and has no Express to save, takes of the plain way’s CPU: ${ratios.join(', ')} connections. The plain way stores less: one claim and one job; the others store the message in its inbox, too, and keep a second turn of a conversation from being added.`;
}

function plotOf(found: Map<number, Rounds>): NonNullable<SectionResult['plots']>[number] {
  const names = { ours: 'ours', floor: 'floor (one trip)', plain: 'plain way (two trips)' };
  const series = sides.map((side) => ({
    name: names[side],
    points: [...found].map(([connections, kept]): [number, number] => [
      connections,
      median(kept[side].map((round) => round.p50)),
    ]),
  }));
  return {
    file: 'ack.svg',
    title: 'Half of the webhooks are answered within',
    x: 'connections',
    y: 'ms',
    series,
  };
}
