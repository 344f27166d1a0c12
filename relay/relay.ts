import type { RequestListener } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createDelivery, reconcilingTimes } from '../shared/delivery/deliver.ts';
import { createIntake } from '../shared/store/boxes/intake.ts';
import { createShutdown } from '../shared/runtime/lifecycle.ts';
import type { Running } from '../shared/runtime/lifecycle.ts';
import type { Log } from '../shared/runtime/log.ts';
import type { Messenger } from '../shared/delivery/messenger.ts';
import { createTellOwner } from '../shared/store/owner.ts';
import type { TellOwner } from '../shared/store/owner.ts';
import { createSendRate, paceFor } from '../shared/store/send-rate.ts';
import { judgePassword } from '../shared/runtime/env.ts';
import { createRedisMemory, warnOfPressure } from '../shared/store/redis/redis-memory.ts';
import { connectRedis } from '../shared/store/redis/redis.ts';
import { sweep } from '../shared/store/boxes/sweep.ts';
import { traceMessenger } from '../shared/delivery/traced-messenger.ts';
import { untraced } from '../shared/runtime/tracing.ts';
import type { Tracing } from '../shared/runtime/tracing.ts';
import { createTwilioMessenger } from '../shared/twilio/messenger.ts';
import { createTyping } from '../shared/delivery/typing.ts';
import { startUp } from './start-up.ts';
import type { RelayConfig } from './config.ts';
import { createAllowList } from './people/allow-list.ts';
import type { AllowList } from './people/allow-list.ts';
import { createAliases } from './people/aliases.ts';
import { createUnsignedRateLimit } from './http/unsigned-rate-limit.ts';
import type { UnsignedRateLimit } from './http/unsigned-rate-limit.ts';
import { createClaims } from './dedup.ts';
import { backfillTimes as usualBackfillTimes, createBackfill } from './backfill.ts';
import type { Backfill, BackfillTimes } from './backfill.ts';
import { createLazySite } from './http/lazy-site.ts';
import { createMetrics } from './metrics.ts';
import type { Metrics } from './metrics.ts';
import { createNotices, createSendNow } from '../shared/delivery/notices.ts';
import type { Notices } from '../shared/delivery/notices.ts';
import { createPageRenderer } from './pages/renderer.ts';
import type { PageRenderer } from './pages/renderer.ts';
import { createJudgeParties } from '../shared/twilio/parties.ts';
import { createListedPeople } from './people/people.ts';
import { createProbes } from './http/health.ts';
import { createReadiness } from './http/readiness.ts';
import { createReceive } from './http/reception.ts';
import { createSamples } from './metric-samples.ts';
import { createSenderRateLimit } from './http/sender-rate-limit.ts';
import { runServer } from './http/server.ts';
import { createVerifier } from '../shared/twilio/signature.ts';
import { readGauges } from './gauges.ts';
import { createStatusCallbacks } from '../shared/twilio/status-callbacks.ts';
import { createQueues } from '../shared/store/all-queues.ts';
import { createStores } from '../shared/store/stores.ts';
import type { Stores } from '../shared/store/stores.ts';
import { createVmKeeper } from './wake/vm.ts';
import type { VmKeeper } from './wake/vm.ts';
import { wakerTimes } from './wake/waker.ts';
import type { WakerTimes } from './wake/waker.ts';
import { createWebhooks } from './http/webhooks.ts';
import type { WebhookParts } from './http/webhooks.ts';

/**
 * The relay's dependencies besides its configuration; tests use shorter times. The tracing stops
 * with it.
 */
export type RelayParts = {
  messenger: Messenger;
  times: WakerTimes;
  backfillTimes?: BackfillTimes;
  tracing?: Tracing;
};

/** The overview shows this many of the latest response times to Twilio. */
const mostAcks = 1000;

/** The composition that production runs. */
export function relayParts(config: RelayConfig, log: Log): RelayParts {
  const account = {
    accountSid: config.TWILIO_ACCOUNT_SID,
    authToken: config.TWILIO_AUTH_TOKEN,
    number: config.TWILIO_WHATSAPP_NUMBER,
    apiUrl: config.TWILIO_API_URL,
  };
  return { messenger: createTwilioMessenger(account, log), times: wakerTimes };
}

/** Runs the relay until it is stopped. Returns its local address. Throws when it cannot listen. */
export async function runRelay(
  config: RelayConfig,
  log: Log,
  {
    messenger: carrier,
    times,
    backfillTimes = usualBackfillTimes,
    tracing = untraced,
  }: RelayParts = relayParts(config, log),
): Promise<Running & { url: string }> {
  const shutdown = createShutdown(log);
  shutdown.add('tracing', () => tracing.stop(), 3000);
  const messenger = traceMessenger(carrier, tracing.trace);
  try {
    const redis = connectRedis(config.REDIS_URL, 'fail-fast', log);
    shutdown.add('redis', () => redis.disconnect());
    const days = config.RETENTION_DAYS;
    const queues = createQueues(redis, { retentionDays: days, telemetry: tracing.queues });
    const stores = createStores(redis, queues, { days });
    shutdown.add('queues', () => stores.close(), 2000);
    const { turns, outbox, ledger, spend } = stores;

    const pace = createSendRate(redis, paceFor(config.TWILIO_WHATSAPP_NUMBER, config));
    const deliver = createDelivery({
      messenger,
      template: config.TWILIO_TEMPLATE_SID,
      outbox,
      ledger,
      pace,
      log,
      publicUrl: config.PUBLIC_URL,
      reconciling: reconcilingTimes,
      now: Date.now,
    });
    const notices = createNotices(ledger, deliver, log);
    const tellOwner = createTellOwner({ redis, outbox, log });
    // The worker that would send it does not wake up.
    const tellOwnerNow = createTellOwner({
      redis,
      outbox,
      log,
      onPut: createSendNow(ledger, deliver),
    });
    const list = createAllowList({
      redis,
      allowed: config.ALLOWED_SENDERS,
      owner: config.OWNER,
      log,
    });
    const memory = createRedisMemory(redis, warnOfPressure(log, tellOwner));
    const metrics = createMetrics(() => readGauges({ redis, turns, spend, memory }, Date.now()));
    const keeper = createVmKeeper({
      redis,
      metrics,
      times,
      log,
      notices,
      tellOwner: tellOwnerNow,
      wakeUrl: config.WAKE_URL,
      wakeSecret: config.WAKE_SECRET,
      typing: createTyping(redis, messenger),
    });
    const renderer = createPageRenderer();
    shutdown.add('page renderer', () => renderer.stop());
    const intake = createRelayIntake(config, stores, list, keeper, log);
    const backfill = createRelayRepair(config, stores, {
      keeper,
      intake,
      messenger,
      times: backfillTimes,
    });
    const relay: Parts = {
      config,
      stores,
      list,
      tellOwner,
      metrics,
      keeper,
      notices,
      renderer,
      tracing,
      backfill,
      intake,
      log,
    };

    const unsignedRateLimit = createUnsignedRateLimit(config.TRUST_PROXY, log);
    const listener = createListener(relay, unsignedRateLimit);
    const server = await runServer({
      port: config.PORT,
      host: config.HOST,
      listener,
      unsignedRateLimit,
    });
    shutdown.add('server', () => server.stop());
    const starting = startUp(relay, shutdown);
    shutdown.add('start-up', () => starting.stop());
    log.info({ port: server.port, publicUrl: config.PUBLIC_URL }, 'relay listening');
    const weakness =
      config.ADMIN_PASSWORD === undefined ? undefined : judgePassword(config.ADMIN_PASSWORD);
    if (weakness)
      log.warn(
        `ADMIN_PASSWORD ${weakness}: whoever guesses it reads every message. “openssl rand -base64 18” makes a good one`,
      );
    return { url: `http://127.0.0.1:${server.port}`, stop: () => shutdown.run() };
  } catch (error) {
    await shutdown.run();
    throw error;
  }
}

type Parts = {
  config: RelayConfig;
  stores: Stores;
  list: AllowList;
  tellOwner: TellOwner;
  metrics: Metrics;
  keeper: VmKeeper;
  notices: Notices;
  renderer: PageRenderer;
  tracing: Tracing;
  backfill: Backfill;
  intake: RelayIntake;
  log: Log;
};

/** How a message or a status comes in, by webhook or by backfill. */
type RelayIntake = Pick<
  WebhookParts,
  | 'judgeParties'
  | 'people'
  | 'receive'
  | 'claims'
  | 'onAccepted'
  | 'onUnclear'
  | 'noteStatus'
  | 'log'
>;

function createRelayIntake(
  config: RelayConfig,
  { redis, turns, ledger, outbox }: Stores,
  list: AllowList,
  keeper: VmKeeper,
  log: Log,
): RelayIntake {
  const people = createListedPeople(list, createAliases(redis));
  const statuses = createStatusCallbacks(ledger, outbox, config.TWILIO_TEMPLATE_SID, log);
  return {
    judgeParties: createJudgeParties(config.TWILIO_ACCOUNT_SID, config.TWILIO_WHATSAPP_NUMBER),
    people,
    receive: createReceive(createIntake(turns, config.RETENTION_DAYS), people, () =>
      list.publish(),
    ),
    claims: createClaims(redis, config.RETENTION_DAYS),
    onAccepted: keeper.onAccepted,
    onUnclear: keeper.look,
    async noteStatus(report) {
      if (await statuses(report)) keeper.look();
    },
    log,
  };
}

/** Everything that the relay serves: Twilio's webhooks first, then the probes, then the rest. */
function createListener(
  { config, stores, metrics, keeper, notices, renderer, tracing, backfill, intake, log }: Parts,
  unsignedRateLimit: UnsignedRateLimit,
): RequestListener {
  const acks = createSamples(mostAcks);
  const webhooks = createWebhooks({
    ...intake,
    unsignedRateLimit,
    verify: createVerifier(
      config.PUBLIC_URL,
      [config.TWILIO_AUTH_TOKEN, config.TWILIO_AUTH_TOKEN_SECONDARY].filter(
        (token) => token !== undefined,
      ),
    ),
    senders: createSenderRateLimit(config.SENDER_LIMIT_PER_MINUTE, notices, log),
    trace: tracing.trace,
    count: (outcome) => metrics.accepted.inc({ outcome }),
    onNotStored: backfill.somethingWasRefused,
    onAnswered: (path, status, ms) => {
      metrics.ackSeconds.observe({ path, status }, ms / 1000);
      if (path === '/webhook' && status === 200) acks.note(ms);
    },
    now: () => new Date(),
  });
  const probes = createProbes(createReadiness(stores.redis));
  const site = createLazySite(async () => {
    // Express alone is the larger half; pending requests go first.
    await import('express');
    await nextTurn();
    return (await import('./http/site.ts')).createSite({
      config,
      stores,
      metrics,
      unsignedRateLimit,
      renderer,
      acks,
      onRetried: keeper.look,
      log,
    });
  }, log);
  return (request, response) => {
    if (!webhooks(request, response) && !probes(request, response)) site(request, response);
  };
}

function createRelayRepair(
  config: RelayConfig,
  { redis, turns, deliveries, ledger }: Stores,
  {
    keeper,
    intake,
    messenger,
    times,
  }: { keeper: VmKeeper; intake: RelayIntake; messenger: Messenger; times: BackfillTimes },
): Backfill {
  return createBackfill({
    ...intake,
    messenger,
    times,
    accountSid: config.TWILIO_ACCOUNT_SID,
    findReply: (sid) => ledger.findSent(sid),
    async sweep() {
      if ((await sweep(redis, turns, deliveries, intake.log)) > 0) keeper.look();
    },
    now: Date.now,
  });
}
