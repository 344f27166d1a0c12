import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Redis } from 'ioredis';
import { createShutdown } from '../../shared/runtime/lifecycle.ts';
import type { Log } from '../../shared/runtime/log.ts';
import { createLog } from '../../shared/runtime/log.ts';
import { createTwilioMessenger } from '../../shared/twilio/messenger.ts';
import { parseRelayConfig } from '../../relay/config.ts';
import { runRelay } from '../../relay/relay.ts';
import { createFastAgent } from '../../simulator/fast-agent.ts';
import type { FastAgentOptions } from '../../simulator/fast-agent.ts';
import { freePort } from '../../simulator/free-port.ts';
import type { RedisServer } from '../../simulator/redis-server.ts';
import { runTwin } from '../../simulator/twilio/twin.ts';
import type { Twin } from '../../simulator/twilio/twin.ts';
import type { ChatMessage } from '../../simulator/chat.ts';
import { parseWorkerConfig } from '../../worker/config.ts';
import { runWorker } from '../../worker/worker.ts';
import type { WorkerMedia, WorkerDeps, WorkerTimes } from '../../worker/worker-deps.ts';
import { giveBackRedis, takeRedis } from './redis.ts';
import { scaled } from './machine-speed.ts';

export const phone = '+15551230001';
export const otherPhone = '+15551230002';
export const stranger = '+15559999999';
export const password = 'open sesame, please';

export type Pipeline = {
  /** The variables that both processes would have. */
  environment: Record<string, string>;
  twin: Twin;
  redis: Redis;
  redisServer: RedisServer;
  relayUrl: string;
  dataDir: string;
  log: Log;
  /**
   * Starts a worker in this process. Its agent answers `answer to <text>` unless told otherwise.
   */
  startWorker(change?: WorkerChange): Promise<{ stop(): Promise<void>; url: string }>;
  /**
   * Is called at the end, whatever the test did: while Redis, Twilio and the relay of this process
   * still run.
   */
  atEnd(stop: () => unknown): void;
  /** Sends a text from a phone; returns its sid. */
  say(text: string, from?: string): Promise<string>;
  /** What the phone has got so far, oldest first. */
  replies(from?: string): ChatMessage[];
};

/**
 * What is different about a worker: other parts, what the fast agent answers, further variables.
 */
export type WorkerChange = Partial<
  Omit<WorkerDeps, 'media' | 'times'> & WorkerMedia & WorkerTimes
> & {
  answer?: FastAgentOptions['answer'];
  environment?: Record<string, string>;
  /**
   * How long a request to Twilio may take (ms): short only where Twilio never answers, since on a
   * busy machine an answer takes its time.
   */
  twilioTimeoutMs?: number;
};

/** `log` is where everything logs; by default what LOG_LEVEL says, or nothing. */
export type PipelineOptions = {
  environment?: Record<string, string>;
  relay?: boolean;
  log?: Log;
  twilioPace?: { sentMs: number; deliveredMs: number; readMs: number };
};

/**
 * The real system around a Twilio twin: a Redis of its own, the relay in this process, and workers
 * as a test starts them. Everything is stopped at the end, whatever the test did.
 */
export async function withPipeline(
  options: PipelineOptions,
  test: (pipeline: Pipeline) => Promise<void>,
): Promise<void> {
  const log = options.log ?? createLog('test', process.env['LOG_LEVEL'] || 'silent');
  const shutdown = createShutdown(log);
  try {
    const dir = await mkdtemp(path.join(tmpdir(), 'sidepocket-test-'));
    // A worker that is root has an agent of another user, whose files are below this.
    await chmod(dir, 0o711);
    shutdown.add('directory', () => rm(dir, { recursive: true, force: true, maxRetries: 3 }));
    const redisServer = await takeRedis();
    shutdown.add('redis server', () => giveBackRedis(redisServer));
    const redis = new Redis(redisServer.url);
    redis.on('error', () => undefined);
    shutdown.add('redis', () => redis.disconnect());
    const port = await freePort(0);
    const relayUrl = `http://127.0.0.1:${port}`;
    const account = {
      accountSid: `AC${'1'.repeat(32)}`,
      authToken: 'test-auth-token',
      number: '+15550100000',
    };
    const twin = await runTwin({
      ...account,
      phones: [phone, otherPhone, stranger],
      webhookUrl: `${relayUrl}/webhook#rc=2&rp=5xx,ct,rt`,
      pace: options.twilioPace ?? { sentMs: 5, deliveredMs: 10, readMs: 0 },
    });
    shutdown.add('twin', () => twin.stop());
    const environment: Record<string, string> = {
      HOST: '127.0.0.1',
      PORT: String(port),
      PUBLIC_URL: relayUrl,
      REDIS_URL: redisServer.url,
      DATA_DIR: path.join(dir, 'data'),
      ADMIN_PASSWORD: password,
      TWILIO_ACCOUNT_SID: account.accountSid,
      TWILIO_AUTH_TOKEN: account.authToken,
      TWILIO_WHATSAPP_NUMBER: account.number,
      TWILIO_API_URL: twin.url,
      ALLOWED_SENDERS: `${phone},${otherPhone}`,
      ANTHROPIC_API_KEY: 'scripted',
      ...options.environment,
    };
    if (options.relay !== false) {
      const relay = await runRelay(parseRelayConfig(environment), log);
      shutdown.add('relay', () => relay.stop());
    }
    await test({
      environment,
      twin,
      redis,
      redisServer,
      relayUrl,
      log,
      dataDir: path.join(dir, 'data'),
      async startWorker({
        answer = async (text: string) => `answer to ${text}`,
        environment: extra = {},
        twilioTimeoutMs = scaled(10_000),
        transcribe,
        speak,
        reader,
        warmMs = 3600_000,
        progress,
        reconciling = { firstMs: 100, lastMs: scaled(1500), blindMs: 2000 },
        silence = { idleMs: scaled(10_000), toolMs: scaled(10_000) },
        lease = { renewMs: 200, holdMs: scaled(600) },
        snapshots,
        ...change
      } = {}) {
        const worker = await runWorker(
          parseWorkerConfig({ ...environment, PORT: '0', ...extra }),
          {
            createAgent: async () =>
              createFastAgent({ dir: path.join(dir, 'data', 'transcripts'), answer }),
            createMessenger: (contents) =>
              createTwilioMessenger(
                { ...account, apiUrl: twin.url },
                log,
                twilioTimeoutMs,
                contents,
              ),
            sendRate: { intervalMs: 1, burst: 1000 },
            media: { transcribe, speak, reader },
            times: {
              warmMs,
              reconciling,
              silence,
              lease,
              ...(progress ? { progress } : {}),
              ...(snapshots ? { snapshots } : {}),
            },
            concurrency: { turns: 5, deliveries: 50 },
            onAsleep: () => undefined,
            onFenced: () => undefined,
            ...change,
          },
          log,
        );
        shutdown.add('worker', () => worker.stop());
        return worker;
      },
      atEnd: (stop) => shutdown.add('a part of the test', stop),
      say: async (text, from = phone) => (await twin.chat.receive(from, { text })).sid,
      replies: (from = phone) =>
        twin.chat.messages(from).filter((message) => message.direction === 'outbound'),
    });
  } finally {
    await shutdown.run();
  }
}
