import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { attacks } from './flood-attacks.ts';
import { startMeasured } from './measured-process.ts';
import { withRelayStage } from './relay-stage.ts';
import type { RelayStage } from './relay-stage.ts';
import type { BenchOptions, Row, Section, SectionResult } from './section.ts';
import { formatNumber, percentile } from './statistics.ts';
import { makeRequests } from './webhook-requests.ts';

/**
 * The limits under each attack, for a webhook's latency (ms) and the relay's memory (MB of 2^20
 * bytes): 50 connections, or 2,000 silent ones.
 */
const targets = { webhookMs: 1000, memory: 120, memorySilent: 150 };
const [few, many] = [50, 2000];

/** The duration of each attack (ms), and its lead time before the measurement. */
const [lastsMs, quickMs, beforeMs] = [5000, 1500, 500];

/** The time after which an unanswered webhook counts as lost (ms): Twilio gives up then. */
const lostMs = 15_000;

export const doorSection: Section = {
  name: 'door',
  title: 'A webhook of Twilio’s while others attack',
  method:
    'Signed forms one after the other, each over a connection of its own, while another process attacks over 50 connections that send the same again after each answer, or holds 2,000 open and says nothing. *Quiet* is the same without an attack, just before. Each attack meets a relay of its own; memory is the most that it ever had (VmHWM). The attacker takes a core of the same machine, as Redis and the relay do.',
  run: (options) => withRelayStage(options, (stage) => measure(options, stage)),
};

async function measure(options: BenchOptions, stage: RelayStage): Promise<SectionResult> {
  const rows: Row[] = [];
  await compile(stage);
  for (const name of Object.keys(attacks)) {
    options.signal.throwIfAborted();
    options.say(name);
    rows.push(...(await measureAttack(options, stage, name)));
  }
  return {
    rows,
    notes: [
      'One address is believed to be many, as if a proxy stood in front, where it says so. What a refused request costs is in the part on forged signatures.',
    ],
  };
}

/** Makes a relay load all its code: the image holds it compiled, and compiling takes 20 MB. */
async function compile(stage: RelayStage): Promise<void> {
  const relay = await stage.start('ours');
  await stage.untilReady(relay);
  for (const page of ['/admin', '/p/none', '/media/none'])
    await fetch(`http://127.0.0.1:${relay.port}${page}`).then((response) => response.arrayBuffer());
  await relay.stop();
}

async function measureAttack(
  { quick, searchPath }: BenchOptions,
  stage: RelayStage,
  name: string,
): Promise<Row[]> {
  const isSilent = name === 'nothing';
  const relay = await stage.start('ours');
  await stage.untilReady(relay);
  const quiet = await send(relay.port, 500);
  const attacker = startMeasured({
    entry: 'bench/flood-process.ts',
    args: [String(relay.port), String(isSilent ? many : few), name],
    environment: {},
    searchPath,
  });
  try {
    await sleep(beforeMs);
    const attacked = await send(relay.port, quick ? quickMs : lastsMs);
    const [p99, memory] = [percentile(attacked, 0.99), relay.peakBytes() / 2 ** 20];
    const most = isSilent ? targets.memorySilent : targets.memory;
    const what = isSilent ? `${many} silent connections` : name;
    return [
      {
        what: `p99 of ${attacked.length} webhooks, ${what}`,
        ours: `${formatNumber(p99)} ms`,
        peer: `quiet ${formatNumber(percentile(quiet, 0.99))} ms`,
        ratio: `${(p99 / percentile(quiet, 0.99)).toFixed(1)}×`,
        target: `≤ ${targets.webhookMs} ms`,
        held: p99 <= targets.webhookMs,
      },
      {
        what: `most memory, ${what}`,
        ours: `${memory.toFixed(0)} MB`,
        target: `≤ ${most} MB`,
        held: memory <= most,
      },
    ];
  } finally {
    await attacker.stop();
    await relay.stop();
    await stage.empty();
  }
}

/**
 * Sends webhooks one after the other for the given time. Returns the latency of each (ms). Throws
 * when an answer is not 200.
 */
async function send(port: number, ms: number): Promise<number[]> {
  const took: number[] = [];
  for (const end = performance.now() + ms; performance.now() < end; await sleep(5)) {
    const [request] = makeRequests(1, 'right', 'one');
    if (request) took.push(await sendOne(port, request));
  }
  return took;
}

function sendOne(port: number, request: Buffer): Promise<number> {
  const start = performance.now();
  return new Promise((resolve, reject) => {
    const socket = connect(
      { port, host: '127.0.0.1', noDelay: true },
      () => void socket.write(request),
    );
    socket.setTimeout(lostMs, () => socket.destroy(new Error('a webhook had no answer in time')));
    socket.on('error', reject);
    socket.on('data', (chunk: Buffer) => {
      const status = chunk.toString('latin1', 9, 12);
      socket.destroy();
      if (status === '200') resolve(performance.now() - start);
      else reject(new Error(`a webhook was answered ${status}`));
    });
    socket.on('close', () => reject(new Error('a webhook was cut off')));
  });
}
