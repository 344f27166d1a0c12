import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Redis } from 'ioredis';
import { keys } from '../shared/store/redis/keys.ts';
import { createShutdown } from '../shared/runtime/lifecycle.ts';
import { heapSettings } from '../relay/small-heap.ts';
import { freePort } from '../simulator/free-port.ts';
import { runRedisServer } from '../simulator/redis-server.ts';
import { startMeasured } from './measured-process.ts';
import type { MeasuredProcess } from './measured-process.ts';
import type { BenchOptions } from './section.ts';
import { phones, twilioSide } from './webhook-requests.ts';

export type Side = 'ours' | 'floor' | 'plain' | 'minimal';

export type RelayProcess = MeasuredProcess & { port: number };

/**
 * The stage for measuring relays: a Redis as in production, a Twilio that accepts everything, and a
 * worker's heartbeat.
 */
export type RelayStage = {
  redis: Redis;
  redisPort: number;
  /** A directory that exists as long as the stage. */
  dir: string;
  /** Starts a relay; `redisUrl` is the stage's own unless given. It is stopped at the end. */
  start(
    side: Side,
    change?: { redisUrl?: string; environment?: Record<string, string> },
  ): Promise<RelayProcess>;
  /** Waits until the relay reports that it is ready; `everyMs` is the polling interval. */
  untilReady(relay: RelayProcess, everyMs?: number): Promise<void>;
  /** Removes every message and job, and returns the number of claimed messages. */
  empty(): Promise<number>;
};

const entries = {
  ours: 'relay/main.ts',
  floor: 'bench/peers/floor-relay.ts',
  plain: 'bench/peers/plain-relay.ts',
  minimal: 'bench/peers/minimal-relay.ts',
};

/**
 * Options for Node: for our relay those of the image. The other settings that our relay makes on
 * its own also apply to the floor and the plain way; the minimal relay runs with defaults.
 */
const ofImage = ['--max-semi-space-size=4'];
const flagsOf = {
  ours: ofImage,
  floor: [...ofImage, ...heapSettings],
  plain: [...ofImage, ...heapSettings],
  minimal: [],
};

/** A worker renews its heartbeat every 20 s, for 60 s. */
const heartbeat = { everyMs: 20_000, holdMs: 60_000 };

/** The metadata of BullMQ and the worker stays. */
const emptyLua = `
  local messages = 0
  for _, key in ipairs(redis.call('KEYS', '*')) do
    if string.find(key, ':message:', 1, true) then messages = messages + 1 end
    if not string.find(key, ':meta', 1, true) and key ~= ARGV[1] then redis.call('UNLINK', key) end
  end
  return messages`;

/** Sets the stage for as long as `play` takes. */
export async function withRelayStage<T>(
  { searchPath, log }: BenchOptions,
  play: (stage: RelayStage) => Promise<T>,
): Promise<T> {
  const shutdown = createShutdown(log);
  try {
    const dir = await mkdtemp(path.join(tmpdir(), 'sidepocket-bench-'));
    shutdown.add('directory', () => rm(dir, { recursive: true, force: true, maxRetries: 3 }));
    const server = await runRedisServer({ dir: path.join(dir, 'redis') });
    shutdown.add('redis server', () => server.stop());
    const redis = new Redis(server.url);
    redis.on('error', () => undefined);
    shutdown.add('redis', () => redis.disconnect());
    const live = (): void =>
      void redis.set(keys.heartbeat, 'bench#1', 'PX', heartbeat.holdMs).catch(() => undefined);
    live();
    const beating = setInterval(live, heartbeat.everyMs);
    shutdown.add('heartbeat', () => clearInterval(beating));
    const twilio = await runAgreeableTwilio();
    shutdown.add('twilio', () => twilio.stop());
    const start: RelayStage['start'] = async (
      side,
      { redisUrl = server.url, environment = {} } = {},
    ) => {
      const port = await freePort(0);
      const relay = startMeasured({
        entry: entries[side],
        flags: flagsOf[side],
        searchPath,
        // Our own takes everything from its environment, and refuses arguments.
        args:
          side === 'ours'
            ? []
            : [
                JSON.stringify({
                  port,
                  redisUrl,
                  publicUrl: twilioSide.publicUrl,
                  authToken: twilioSide.authToken,
                }),
              ],
        environment: {
          ...(side === 'ours'
            ? production(port, redisUrl, twilio.url, path.join(dir, 'compiled'))
            : {}),
          NODE_ENV: 'production',
          ...environment,
        },
      });
      shutdown.add(side, () => relay.stop());
      return { ...relay, port };
    };
    // As in the image's build: Node's compiled code of one start and of the first page is kept for
    // the next ones.
    const first = await start('ours');
    await untilReady(first.port, 20);
    await fetch(`http://127.0.0.1:${first.port}/admin`).then((page) => page.arrayBuffer());
    await first.stop();
    return await play({
      redis,
      redisPort: server.port,
      dir,
      start,
      untilReady: (relay, everyMs = 20) => untilReady(relay.port, everyMs),
      empty: async () => Number(await redis.eval(emptyLua, 0, keys.heartbeat)),
    });
  } finally {
    await shutdown.run();
  }
}

/**
 * The relay's whole environment, as in the image. One phone may send as much as a round needs; the
 * limit is still checked.
 */
function production(
  port: number,
  redisUrl: string,
  twilioUrl: string,
  compiled: string,
): Record<string, string> {
  return {
    PORT: String(port),
    HOST: '127.0.0.1',
    PUBLIC_URL: twilioSide.publicUrl,
    REDIS_URL: redisUrl,
    TWILIO_ACCOUNT_SID: twilioSide.accountSid,
    TWILIO_AUTH_TOKEN: twilioSide.authToken,
    TWILIO_WHATSAPP_NUMBER: twilioSide.number,
    TWILIO_API_URL: twilioUrl,
    ALLOWED_SENDERS: phones.join(','),
    ADMIN_PASSWORD: 'bench',
    WAKE_URL: 'http://127.0.0.1:9',
    WAKE_SECRET: 'bench',
    SENDER_LIMIT_PER_MINUTE: '1000000',
    MALLOC_ARENA_MAX: '1',
    NODE_COMPILE_CACHE: compiled,
    SIDEPOCKET_ALONE: '1',
  };
}

async function runAgreeableTwilio(): Promise<{ url: string; stop(): void }> {
  const server = createServer((request, response) => {
    request.resume();
    response
      .setHeader('Content-Type', 'application/json')
      .end(JSON.stringify({ messages: [], success: true }));
  });
  await new Promise<void>((resolve) => void server.listen({ port: 0, host: '127.0.0.1' }, resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function untilReady(port: number, everyMs: number): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (performance.now() < deadline) {
    const response = await fetch(`http://127.0.0.1:${port}/ready`).catch(() => undefined);
    await response?.arrayBuffer();
    if (response?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
  throw new Error('a relay was not ready within 30 s');
}
