import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { z } from 'zod';
import { createIntake } from '../shared/store/boxes/intake.ts';
import { beginEpoch } from '../shared/store/redis/epoch.ts';
import { keys, prefix } from '../shared/store/redis/keys.ts';
import { createShutdown } from '../shared/runtime/lifecycle.ts';
import { createOutbox } from '../shared/store/boxes/outbox.ts';
import { createDeliveries, createTurns } from '../shared/store/queues.ts';
import { freePort } from '../simulator/free-port.ts';
import { runScriptedModel } from '../simulator/model/scripted-model.ts';
import { runRedisServer } from '../simulator/redis-server.ts';
import { startMeasured } from './measured-process.ts';
import type { MeasuredProcess } from './measured-process.ts';
import type { BenchOptions } from './section.ts';

const LogLine = z.looseObject({ time: z.iso.datetime(), msg: z.string() });
export type LogLine = z.infer<typeof LogLine>;

const phone = '+15551230001';

/** `logged` are the lines of its log so far, `startedAt` when it was spawned (ms since 1970). */
export type WorkerProcess = MeasuredProcess & { startedAt: number; logged(): LogLine[] };

/**
 * The stage for measuring workers: a Redis as in production and a scripted model; sent messages are
 * discarded.
 */
export type WorkerStage = {
  redis: Redis;
  /**
   * Accepts a text as the relay does, from one phone. Returns the id of the message, which is also
   * its turn's.
   */
  accept(text: string): Promise<string>;
  /** Puts a reply into the outbox, and returns the id of the delivery. */
  putReply(text: string): Promise<string>;
  /** Starts the worker as production runs it, or the smallest one on that queue. */
  start(
    side: 'ours' | 'minimal' | 'minimal, cached',
    queue: 'turns' | 'deliveries',
  ): Promise<WorkerProcess>;
  /**
   * When a worker took the job (ms since 1970): right before its processor begins. Throws after
   * half a minute.
   */
  takenAt(queue: 'turns' | 'deliveries', job: string): Promise<number>;
  /** Waits until Claude Code runs a tool in this turn. */
  untilTool(turn: string): Promise<void>;
  /** Removes everything. */
  empty(): Promise<void>;
};

export async function withWorkerStage<T>(
  { searchPath, log, signal }: BenchOptions,
  play: (stage: WorkerStage) => Promise<T>,
): Promise<T> {
  const shutdown = createShutdown(log);
  try {
    const dir = await mkdtemp(path.join(tmpdir(), 'sidepocket-bench-'));
    shutdown.add('directory', () => rm(dir, { recursive: true, force: true, maxRetries: 5 }));
    const server = await runRedisServer({ dir: path.join(dir, 'redis') });
    shutdown.add('redis server', () => server.stop());
    const model = await runScriptedModel({ quiet: true });
    shutdown.add('model', () => model.stop());
    const redis = new Redis(server.url);
    redis.on('error', () => undefined);
    shutdown.add('redis', () => redis.disconnect());
    const [turns, deliveries] = [createTurns(redis), createDeliveries(redis)];
    shutdown.add('queues', () => Promise.all([turns.close(), deliveries.close()]));
    const [accept, outbox] = [createIntake(turns), createOutbox(redis, deliveries)];
    let started = 0;
    return await play({
      redis,
      async accept(text) {
        const id = `SM${randomBytes(16).toString('hex')}`;
        await accept({ id, conversation: phone, at: new Date().toISOString(), text, media: [] });
        return id;
      },
      async putReply(text) {
        await outbox.put([
          { id: randomBytes(8).toString('hex'), conversation: phone, turn: 'bench', text },
        ]);
        return (await redis.lindex(keys.waitingJobs('deliveries'), 0)) ?? '';
      },
      async start(side, queue) {
        const logFile = path.join(dir, `${side}-${(started += 1)}.log`);
        const own =
          side === 'ours'
            ? production(await freePort(0), server.url, model.url, path.join(dir, 'data'))
            : {};
        const cache = side === 'minimal' ? {} : { NODE_COMPILE_CACHE: path.join(dir, 'compiled') };
        const startedAt = Date.now();
        const worker = startMeasured({
          entry: side === 'ours' ? 'worker/main.ts' : 'bench/peers/minimal-worker.ts',
          // Ours refuses arguments.
          args: side === 'ours' ? [] : [JSON.stringify({ redisUrl: server.url, queue, prefix })],
          environment: { ...own, ...cache, NODE_ENV: 'production' },
          searchPath,
          logFile,
        });
        shutdown.add(side, () => worker.stop());
        return { ...worker, startedAt, logged: () => readLog(logFile) };
      },
      async takenAt(queue, job) {
        for (
          const deadline = Date.now() + 30_000;
          Date.now() < deadline;
          await sleep(3, undefined, { signal })
        ) {
          const at = await redis.hget(keys.job(queue, job), 'processedOn');
          if (at !== null) return Number(at);
        }
        throw new Error('no worker took the job in half a minute');
      },
      async untilTool(turn) {
        for (
          const deadline = Date.now() + 30_000;
          Date.now() < deadline;
          await sleep(20, undefined, { signal })
        ) {
          if ((await redis.hget(keys.job('turns', turn), 'progress')) !== null) return;
        }
        throw new Error('no tool ran in half a minute');
      },
      empty: async () => {
        await redis.flushall();
        // An epoch that begins after a message has come would send each worker to Twilio's list.
        await beginEpoch(redis);
        // Each process writes BullMQ's metadata once.
        await Promise.all([turns, deliveries].map(({ queue }) => queue.getBackend().client));
      },
    });
  } finally {
    await shutdown.run();
  }
}

function production(
  port: number,
  redisUrl: string,
  modelUrl: string,
  dataDir: string,
): Record<string, string> {
  return {
    HOST: '127.0.0.1',
    PORT: String(port),
    PUBLIC_URL: 'https://relay.example.com',
    REDIS_URL: redisUrl,
    DATA_DIR: dataDir,
    WORKER_ID: 'vm',
    STOP_SECONDS: '1',
    TWILIO_ACCOUNT_SID: `AC${'7'.repeat(32)}`,
    TWILIO_AUTH_TOKEN: 'token-of-the-bench',
    TWILIO_WHATSAPP_NUMBER: '+15550100000',
    TWILIO_API_URL: 'http://127.0.0.1:9',
    ANTHROPIC_API_KEY: 'scripted',
    ANTHROPIC_BASE_URL: modelUrl,
  };
}

/** The lines so far; the last one may be incomplete. */
function readLog(file: string): LogLine[] {
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  return text
    .split('\n')
    .slice(0, -1)
    .flatMap((line) =>
      line.startsWith('{') ? (LogLine.safeParse(JSON.parse(line)).data ?? []) : [],
    );
}
