import type { ServerResponse } from 'node:http';
import { parseRelayConfig } from '../../relay/config.ts';
import { relayDeps, runRelay } from '../../relay/relay.ts';
import type { WakerTimes } from '../../relay/wake/waker.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import { createLog } from '../../shared/runtime/log.ts';
import { password, phone, withPipeline } from './pipeline.ts';
import type { Pipeline } from './pipeline.ts';
import { scaled } from './machine-speed.ts';
import { until } from './until.ts';
import { accept, runWakeAddress } from './wake-address.ts';
import type { WakeAddress } from './wake-address.ts';

export const wakeSecret = 'wake-secret-of-this-test';

/** Waking with a tenth of production's patience and less, for what is told of a wake. */
export const impatient: WakerTimes = {
  tellMs: 400,
  giveUpMs: 1500,
  firstPauseMs: 20,
  lastPauseMs: 100,
};

/** Waking of which nothing is told, however long it takes here. */
const silent: WakerTimes = { ...impatient, tellMs: 3600_000, giveUpMs: 3600_000 };

export type SleepBench = Pipeline & {
  wake: WakeAddress;
  /** What the relay logged, one object a line. */
  logged(): Record<string, unknown>[];
  /** Starts a worker in this process, unless one runs; it sleeps after `idleMinutes`. */
  boot(): Promise<void>;
  isAwake(): boolean;
  stopRelay(): Promise<void>;
  startRelay(): Promise<void>;
  /** The value of a metric, with its labels as Prometheus writes them. */
  metric(name: string): Promise<number>;
  /** Waits until nothing is under way in a conversation. */
  settled(from?: string): Promise<void>;
};

export type SleepOptions = {
  /** By default nothing is told of a wake. */
  times?: WakerTimes;
  idleMinutes?: number;
  /** Answers a call to the wake address; by default it boots the worker and then says so. */
  onCall?: (bench: SleepBench, call: number, response: ServerResponse) => void | Promise<void>;
  relay?: boolean;
};

/**
 * A relay with a wake address, in front of a VM that is a worker in this process; at the beginning
 * the VM is asleep.
 */
export async function withSleep(
  { times = silent, idleMinutes = 0.01, onCall = bootAndAccept, relay = true }: SleepOptions,
  test: (bench: SleepBench) => Promise<void>,
): Promise<void> {
  await withPipeline({ relay: false }, async (pipeline) => {
    const lines: string[] = [];
    let worker: Promise<{ stop(): Promise<void> }> | undefined;
    let running: { stop(): Promise<void> } | undefined;
    const wake = await runWakeAddress((call, response) => onCall(bench, call, response));
    Object.assign(pipeline.environment, { WAKE_URL: wake.url, WAKE_SECRET: wakeSecret });
    const bench: SleepBench = {
      ...pipeline,
      wake,
      logged: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>),
      isAwake: () => worker !== undefined,
      async boot() {
        worker ??= pipeline.startWorker({
          environment: { IDLE_MINUTES: String(idleMinutes) },
          // The relay's interval: both count what they send in the same place.
          sendRate: { intervalMs: 6000, burst: 1000 },
          lease: { renewMs: 300, holdMs: scaled(1500) },
          onAsleep: () =>
            void worker?.then((awake) => awake.stop()).then(() => (worker = undefined)),
        });
        await worker;
      },
      async stopRelay() {
        await running?.stop();
      },
      async startRelay() {
        const config = parseRelayConfig(pipeline.environment);
        const log = createLog('relay', 'info', { write: (line) => void lines.push(line) });
        running = await runRelay(config, log, { ...relayDeps(config, log), times });
        // It listens for Twilio before all of it has begun.
        await until(
          'the relay hears the worker',
          async () =>
            Number((await pipeline.redis.pubsub('NUMSUB', keys.control))[1]) > (worker ? 1 : 0),
        );
      },
      metric: (name) => readMetric(pipeline.relayUrl, name),
      settled: (from = phone) =>
        until(
          'nothing is under way',
          async () =>
            (await pipeline.redis.llen(keys.inbox(from))) +
              (await pipeline.redis.llen(keys.outbox(from))) ===
            0,
        ).then(() => undefined),
    };
    try {
      if (relay) await bench.startRelay();
      await test(bench);
    } finally {
      await bench.stopRelay();
      await wake.stop();
    }
  });
}

async function bootAndAccept(
  bench: SleepBench,
  _call: number,
  response: ServerResponse,
): Promise<void> {
  await bench.boot();
  accept(response);
}

async function readMetric(relayUrl: string, name: string): Promise<number> {
  const text = await (
    await fetch(`${relayUrl}/metrics`, {
      headers: { Authorization: `Basic ${btoa(`admin:${password}`)}` },
    })
  ).text();
  return Number(
    text
      .split('\n')
      .find((line) => line.startsWith(`${name} `))
      ?.slice(name.length + 1) ?? Number.NaN,
  );
}
