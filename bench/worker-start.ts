import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchOptions, Row, Section } from './section.ts';
import { formatRatio, formatSpread, medianRatio } from './statistics.ts';
import { withWorkerStage } from './worker-stage.ts';
import type { WorkerStage } from './worker-stage.ts';

const most = 1.2;

type Sides = {
  ours: number[];
  minimal: number[];
  cached: number[];
  oursCpu: number[];
  minimalCpu: number[];
};

/** The measurements of a start: spawn to first job (ms), and the CPU time until then (ms). */
type Start = { ms: number; cpuMs: number };

async function measureStart(
  stage: WorkerStage,
  side: 'ours' | 'minimal' | 'minimal, cached',
  queue: 'turns' | 'deliveries',
): Promise<Start> {
  await stage.empty();
  const job =
    queue === 'turns' ? await stage.accept('say something') : await stage.putReply('an answer');
  const worker = await stage.start(side, queue);
  const takenAt = await stage.takenAt(queue, job);
  const cpuMs = worker.cpuMicros() / 1000;
  // It ends as in production, and keeps its compiled code.
  await sleep(200);
  await worker.stop();
  return { ms: takenAt - worker.startedAt, cpuMs };
}

async function measureQueue(
  stage: WorkerStage,
  queue: 'turns' | 'deliveries',
  { rounds, signal }: BenchOptions,
): Promise<Sides> {
  const sides: Sides = { ours: [], minimal: [], cached: [], oursCpu: [], minimalCpu: [] };
  // Compiled code is kept from the first start on.
  for (const side of ['ours', 'minimal, cached'] as const) await measureStart(stage, side, queue);
  for (let round = 0; round < rounds; round += 1) {
    signal.throwIfAborted();
    const ours = await measureStart(stage, 'ours', queue);
    const minimal = await measureStart(stage, 'minimal', queue);
    sides.cached.push((await measureStart(stage, 'minimal, cached', queue)).ms);
    sides.ours.push(ours.ms);
    sides.oursCpu.push(ours.cpuMs);
    sides.minimal.push(minimal.ms);
    sides.minimalCpu.push(minimal.cpuMs);
  }
  return sides;
}

function rowsOf(
  what: string,
  { ours, minimal, cached, oursCpu, minimalCpu }: Sides,
  hasTarget: boolean,
): Row[] {
  const target = hasTarget
    ? { target: `≤ ${most}×`, held: medianRatio(ours, minimal) <= most }
    : {};
  return [
    {
      what: `spawn to first job, ${what}`,
      ours: formatSpread(ours, 'ms'),
      peer: formatSpread(minimal, 'ms'),
      ratio: formatRatio(ours, minimal),
      ...target,
    },
    {
      what: 'the same, CPU until then',
      ours: formatSpread(oursCpu, 'ms'),
      peer: formatSpread(minimalCpu, 'ms'),
      ratio: formatRatio(oursCpu, minimalCpu),
    },
    {
      what: 'the same, the peer with a compile cache, too',
      ours: formatSpread(ours, 'ms'),
      peer: formatSpread(cached, 'ms'),
      ratio: formatRatio(ours, cached),
    },
  ];
}

export const workerStartSection: Section = {
  name: 'worker-start',
  title: 'The worker: spawn to first job',
  method:
    'A job waits already; measured is the time from the spawn until the worker has taken it, by the time that BullMQ writes on the job. *Ours* is `node worker/main.ts` with everything that production has, and what Node compiled at an earlier start. The *peer* is a TypeScript file with one BullMQ worker and nothing else, as one writes it (without a compile cache), and once more with one.',
  run: (options) =>
    withWorkerStage(options, async (stage) => {
      options.say('a reply that waits …');
      const deliveries = await measureQueue(stage, 'deliveries', options);
      options.say('a turn that waits …');
      const turns = options.quick ? undefined : await measureQueue(stage, 'turns', options);
      return {
        rows: [
          ...rowsOf('a reply to deliver', deliveries, true),
          ...(turns ? rowsOf('a turn for Claude', turns, true) : []),
        ],
        notes: [
          'Where the time goes, module by module from the cache: Node 30 ms, zod 35 and the schemas of the configuration 9, pino 8, ioredis 35, BullMQ 65, the worker’s own files up to its queues 50; the minimal worker has Node, ioredis and BullMQ of these. When a turn waits, Claude’s SDK (85 ms) and the spawn of Claude Code come before BullMQ on purpose: Claude’s own start takes longer than all else and begins with the SDK, as the part “cold” shows. When only a reply waits, they come after the queues.',
          'What helped: Node’s compile cache (690 → 350 ms to load the worker’s code), kept from before the first line (`NODE_COMPILE_CACHE`; else TypeScript’s stripper itself costs 50 ms), `node:http` taken without an `import`, which would load Node’s fetch (42 ms), the processors, the HTTP server, the chores and Twilio’s SDK loaded after the queues run, one trip to Redis instead of four before they do, and the agent made after them where no turn waits (1.7 → 1.3 times the peer). What did not: a larger young generation (no change). A bundle would, and there is no build step.',
        ],
      };
    }),
};
