import path from 'node:path';
import { startLoad } from './load.ts';
import { withRelayStage } from './relay-stage.ts';
import type { RelayStage, Side } from './relay-stage.ts';
import type { BenchOptions, Row, Section, SectionResult } from './section.ts';
import { formatRatio, formatSpread, medianRatio } from './statistics.ts';

const target = 1.2;

/** The most memory under load (MB of 2^20 bytes, as machines are sold). */
const mostMemory = 120;

/** How often a starting relay is polled for readiness (ms). */
const askMs = 3;

/** Time from the spawn to the first 200 of `/ready`, and CPU until then (ms). */
type Start = { ms: number; cpu: number };

export const relayStartSection: Section = {
  name: 'relay-start',
  title: 'The relay: start to ready, and memory under load',
  method:
    'Time from the spawn of the process until `/ready` answers 200, which it does when Redis answers. *Ours* with what Node has kept of what it compiled at an earlier start (as in the image, where the build fills that cache), and once more with nothing kept. The *minimal relay* is Express, BullMQ, ioredis and Twilio’s check of signatures in one TypeScript file, run as people run it. Memory is the most that the process ever had (VmHWM, which counts about 50 MB of Node’s own program) after webhooks over 10 connections without a pause.',
  run: (options) => withRelayStage(options, (stage) => measure(options, stage)),
};

async function measure(
  { quick, rounds, say, signal }: BenchOptions,
  stage: RelayStage,
): Promise<SectionResult> {
  const starts: Record<'kept' | 'anew' | 'minimal' | 'minimal kept', Start[]> = {
    kept: [],
    anew: [],
    minimal: [],
    'minimal kept': [],
  };
  const cache = path.join(stage.dir, 'compiled-minimal');
  for (let round = 0; round <= rounds; round += 1) {
    signal.throwIfAborted();
    const kept = await measureStart(stage, 'ours', {});
    const minimal = await measureStart(stage, 'minimal', {});
    const anew = await measureStart(stage, 'ours', { NODE_DISABLE_COMPILE_CACHE: '1' });
    const minimalKept = await measureStart(stage, 'minimal', { NODE_COMPILE_CACHE: cache });
    // The first fills the minimal relay's cache.
    if (round === 0) continue;
    starts.kept.push(kept);
    starts.minimal.push(minimal);
    starts.anew.push(anew);
    starts['minimal kept'].push(minimalKept);
  }
  say('memory under load …');
  const seconds = quick ? 1 : 10;
  const memory = {
    ours: await measureMemory(stage, 'ours', seconds),
    minimal: await measureMemory(stage, 'minimal', seconds),
  };
  const row = (
    what: string,
    part: keyof Start,
    ours: Start[],
    peer: Start[],
    hasTarget: boolean,
  ): Row => {
    const [own, other] = [ours.map((start) => start[part]), peer.map((start) => start[part])];
    return {
      what,
      ours: formatSpread(own, 'ms'),
      peer: `minimal ${formatSpread(other, 'ms')}`,
      ratio: formatRatio(own, other),
      ...(hasTarget ? { target: `≤ ${target}×`, held: medianRatio(own, other) <= target } : {}),
    };
  };
  return {
    rows: [
      row('start to ready', 'ms', starts.kept, starts.minimal, true),
      row('CPU until then', 'cpu', starts.kept, starts.minimal, false),
      row('start to ready, with nothing kept', 'ms', starts.anew, starts.minimal, false),
      row(
        'start to ready, the minimal relay with a cache, too',
        'ms',
        starts.kept,
        starts['minimal kept'],
        false,
      ),
      {
        what: `most memory in ${seconds} s of load`,
        ours: `${memory.ours.toFixed(0)} MB`,
        peer: `minimal ${memory.minimal.toFixed(0)} MB`,
        target: `≤ ${mostMemory} MB`,
        held: memory.ours <= mostMemory,
      },
    ],
    notes: [],
  };
}

async function measureStart(
  stage: RelayStage,
  side: Side,
  environment: Record<string, string>,
): Promise<Start> {
  const began = performance.now();
  const relay = await stage.start(side, { environment });
  await stage.untilReady(relay, askMs);
  const ms = performance.now() - began;
  const cpu = relay.cpuMicros() / 1000;
  await relay.stop();
  return { ms, cpu };
}

async function measureMemory(stage: RelayStage, side: Side, seconds: number): Promise<number> {
  const load = startLoad();
  try {
    const relay = await stage.start(side);
    await stage.untilReady(relay);
    const requests = 5000;
    const end = performance.now() + seconds * 1000;
    while (end - performance.now() > 100) {
      await load.run(
        {
          port: relay.port,
          connections: 10,
          count: requests,
          signing: 'right',
          addresses: 'one',
          seconds: (end - performance.now()) / 1000,
        },
        '200',
      );
      await stage.empty();
    }
    const peak = relay.peakBytes() / 2 ** 20;
    await relay.stop();
    return peak;
  } finally {
    await load.stop();
  }
}
