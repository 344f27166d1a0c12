import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { ServerResponse } from 'node:http';
import { parseRelayConfig } from '../../relay/config.ts';
import { relayDeps, runRelay } from '../../relay/relay.ts';
import type { WakerTimes } from '../../relay/wake/waker.ts';
import { createLog } from '../../shared/runtime/log.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import { freePort } from '../../simulator/free-port.ts';
import { createFastAgent } from '../../simulator/fast-agent.ts';
import type { FastAgentOptions } from '../../simulator/fast-agent.ts';
import { scaled } from './machine-speed.ts';
import { withPipeline } from './pipeline.ts';
import type { Pipeline, WorkerChange } from './pipeline.ts';
import { impatient } from './sleep-bench.ts';
import { until } from './until.ts';
import { accept, runWakeAddress } from './wake-address.ts';
import type { WakeAddress } from './wake-address.ts';

/** A home of the fleet: a disk with a worker in this process, and its wake address. */
export type FleetHome = {
  name: string;
  wake: WakeAddress;
  /** Its disk. */
  dataDir: string;
  /** Starts its worker, unless one runs. */
  boot(): Promise<void>;
  isAwake(): boolean;
  /** Stops its worker, as a machine that goes away in order. */
  stop(): Promise<void>;
};

export type Fleet = Pipeline & {
  /** Adds a home; its answers begin with its name. By default a call to its address boots it. */
  addHome(name: string, change?: HomeChange): Promise<FleetHome>;
  /**
   * Starts a relay; the first has the pipeline's address, to which Twilio's webhooks go. By default
   * it says nothing about a wake that takes long.
   */
  startRelay(
    environment?: Record<string, string>,
    times?: Partial<WakerTimes>,
  ): Promise<{ url: string; stop(): Promise<void> }>;
  /** What the relays logged, one object a line. */
  logged(): Record<string, unknown>[];
};

export type HomeChange = {
  environment?: Record<string, string>;
  onCall?: (home: FleetHome, call: number, response: ServerResponse) => void | Promise<void>;
  worker?: WorkerChange;
  /** By default its answers begin with its name. */
  answer?: FastAgentOptions['answer'];
};

/** The phones of a fleet's people. */
export const fleetPhones = ['+15551230001', '+15551230002', '+15559999999'] as const;

/** Several homes with disks of their own behind relays, on one Redis and one Twilio twin. */
export async function withFleet(
  environment: Record<string, string>,
  test: (fleet: Fleet) => Promise<void>,
): Promise<void> {
  const options = {
    relay: false,
    environment: {
      WAKE_HOSTS: '127.0.0.1',
      ALLOWED_SENDERS: fleetPhones.join(','),
      ...environment,
    },
  };
  await withPipeline(options, async (pipeline) => {
    const lines: string[] = [];
    let relays = 0;
    const addHome: Fleet['addHome'] = async (name, change = {}) => {
      const dataDir = path.join(path.dirname(pipeline.dataDir), name);
      await mkdir(dataDir, { recursive: true });
      let worker: Promise<{ stop(): Promise<void> }> | undefined;
      const bootAndAccept = async (
        home: FleetHome,
        _call: number,
        response: ServerResponse,
      ): Promise<void> => {
        await home.boot();
        accept(response);
      };
      const { onCall = bootAndAccept } = change;
      const wake = await runWakeAddress((call, response) => onCall(home, call, response));
      pipeline.atEnd(() => wake.stop());
      const home: FleetHome = {
        name,
        wake,
        dataDir,
        isAwake: () => worker !== undefined,
        async boot() {
          worker ??= pipeline.startWorker({
            sendRate: { intervalMs: 6000, burst: 1000 },
            lease: { renewMs: 300, holdMs: scaled(1500) },
            createAgent: async () =>
              createFastAgent({
                // As if they came along with a move.
                dir: path.join(path.dirname(dataDir), 'transcripts'),
                answer: change.answer ?? (async (text: string) => `${name}: ${text}`),
              }),
            onAsleep: () =>
              void worker?.then((awake) => awake.stop()).then(() => (worker = undefined)),
            ...change.worker,
            environment: {
              HOME_NAME: name,
              WORKER_ID: name,
              DATA_DIR: dataDir,
              WAKE_ADDRESS: wake.url,
              WAKE_SECRET: `secret of ${name}`,
              IDLE_MINUTES: '0.01',
              ...change.environment,
            },
          });
          await worker;
        },
        async stop() {
          await (await worker)?.stop();
          worker = undefined;
        },
      };
      return home;
    };
    await test({
      ...pipeline,
      addHome,
      logged: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>),
      async startRelay(extra = {}, times = {}) {
        const port = relays === 0 ? pipeline.environment['PORT'] : String(await freePort(0));
        relays += 1;
        const config = parseRelayConfig({ ...pipeline.environment, PORT: port, ...extra });
        const log = createLog('relay', 'info', { write: (line) => void lines.push(line) });
        const relay = await runRelay(config, log, {
          ...relayDeps(config, log),
          times: { ...impatient, tellMs: 3600_000, giveUpMs: 3600_000, ...times },
        });
        pipeline.atEnd(() => relay.stop());
        const heard = relays;
        await until(
          'the relay hears the workers',
          async () => Number((await pipeline.redis.pubsub('NUMSUB', keys.control))[1]) >= heard,
        );
        return relay;
      },
    });
  });
}
