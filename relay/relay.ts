import type { RequestListener } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createDelivery, reconcilingTimes } from '../shared/delivery/deliver.ts';
import { createIntake } from '../shared/store/boxes/intake.ts';
import { createShutdown } from '../shared/runtime/lifecycle.ts';
import type { Running } from '../shared/runtime/lifecycle.ts';
import { lazy } from '../shared/runtime/lazy.ts';
import type { Log } from '../shared/runtime/log.ts';
import type { Messenger } from '../shared/delivery/messenger.ts';
import { createTellOwner } from '../shared/store/owner.ts';
import { createSendRate, sendRateFor } from '../shared/store/send-rate.ts';
import { judgePassword } from '../shared/runtime/env.ts';
import { announceWork } from '../shared/store/redis/pubsub.ts';
import { connectRedis } from '../shared/store/redis/redis.ts';
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
import { createClaims } from './dedup.ts';
import { backfillTimes as usualBackfillTimes, createBackfill } from './backfill.ts';
import type { BackfillTimes } from './backfill.ts';
import { createMetrics } from './metrics.ts';
import { createNotices, createSendNow } from '../shared/delivery/notices.ts';
import { createPageRenderer } from './pages/renderer.ts';
import { createJudgeParties } from '../shared/twilio/parties.ts';
import { createListedPeople } from './people/people.ts';
import { createProbes } from './http/health.ts';
import { createReadiness } from './http/readiness.ts';
import { createReceive } from './http/reception.ts';
import { createFormHandlers } from './http/form-handlers.ts';
import { createSignedForms } from './http/signed-form.ts';
import type { SiteDeps } from './http/site.ts';
import type { Incoming } from './incoming.ts';
import { createWebhookMeter } from './webhook-meter.ts';
import { createSenderRateLimit } from './http/sender-rate-limit.ts';
import { runServer } from './http/server.ts';
import { createVerifier } from '../shared/twilio/signature.ts';
import type { Verifier } from '../shared/twilio/signature.ts';
import { readGauges } from './gauges.ts';
import { createStatusCallbacks } from '../shared/twilio/status-callbacks.ts';
import { createQueues } from '../shared/store/all-queues.ts';
import { createStores } from '../shared/store/stores.ts';
import type { Stores } from '../shared/store/stores.ts';
import { createRoutes } from '../shared/store/homes/routes.ts';
import { createTellNoHome } from './people/no-home.ts';
import type { TellNoHome } from './people/no-home.ts';
import { createRescue } from './wake/rescue.ts';
import { wakeHostsOf } from './wake/wake-hosts.ts';
import { createVmKeeper } from './wake/vm.ts';
import type { VmKeeper } from './wake/vm.ts';
import { wakerTimes } from './wake/waker.ts';
import type { WakerTimes } from './wake/waker.ts';
import { createWebhooks } from './http/webhooks.ts';

/**
 * The relay's dependencies besides its configuration; tests use shorter times. The tracing stops
 * with it.
 */
export type RelayDeps = {
  messenger: Messenger;
  times: WakerTimes;
  backfillTimes?: BackfillTimes;
  tracing?: Tracing;
};

/** The composition that production runs. */
export function relayDeps(config: RelayConfig, log: Log): RelayDeps {
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
  }: RelayDeps = relayDeps(config, log),
): Promise<Running & { url: string }> {
  const shutdown = createShutdown(log);
  shutdown.add('tracing', () => tracing.stop(), 3000);
  const messenger = traceMessenger(carrier, tracing.trace);
  try {
    const redis = connectRedis(config.REDIS_URL, 'fail-fast', log);
    shutdown.add('redis', () => redis.disconnect());
    const days = config.RETENTION_DAYS;
    const routes = createRoutes('');
    const queues = createQueues(redis, { retentionDays: days, telemetry: tracing.queues, routes });
    const stores = createStores(redis, queues, { days, log });
    shutdown.add('queues', () => stores.close(), 2000);
    const { outbox, ledger } = stores;

    const sendRate = createSendRate(redis, sendRateFor(config.TWILIO_WHATSAPP_NUMBER, config));
    const deliver = createDelivery({
      messenger,
      template: config.TWILIO_TEMPLATE_SID,
      outbox,
      ledger,
      sendRate,
      log,
      publicUrl: config.PUBLIC_URL,
      reconciling: reconcilingTimes,
      now: Date.now,
    });
    const notices = createNotices(ledger, deliver, log);
    const sendNow = createSendNow(ledger, deliver);
    const tellOwnerNow = createTellOwner({
      redis,
      outbox,
      log,
      // The notice may be about a computer that does not wake up, so the relay sends it. What it
      // cannot send wakes the owner's own computer.
      onPut: async (id, owner) => {
        if (!(await sendNow(id))) announceWork(redis, await stores.deliveries.homeOf(owner));
      },
    });
    const list = createAllowList({
      redis,
      allowed: config.ALLOWED_SENDERS,
      owner: config.OWNER,
      log,
    });
    const metrics = createMetrics(() => readGauges(stores, Date.now()));
    const keeper = createVmKeeper({
      redis,
      metrics,
      times,
      log,
      notices,
      tellOwner: tellOwnerNow,
      homes: stores.homes,
      routes,
      wake: {
        url: config.WAKE_URL,
        secret: config.WAKE_SECRET,
        hosts: wakeHostsOf(config.WAKE_HOSTS, config.WAKE_URL),
        deadMs: config.HOME_DEAD_MINUTES * 60_000,
        rescue: createRescue({ stores, placement: config.PLACEMENT, log }),
      },
      typing: createTyping(redis, messenger),
    });
    const renderer = createPageRenderer();
    shutdown.add('page renderer', () => renderer.stop());
    const tellNoHome = createTellNoHome(notices, tellOwnerNow);
    const incoming = createIncoming(config, stores, { list, keeper, tellNoHome }, log);
    const backfill = createBackfill({
      stores,
      messenger,
      incoming,
      keeper,
      accountSid: config.TWILIO_ACCOUNT_SID,
      times: backfillTimes,
      log,
      now: Date.now,
    });

    const meter = createWebhookMeter(metrics);
    const unsignedRateLimit = createUnsignedRateLimit(config.TRUST_PROXY, log);
    const handlers = createFormHandlers({
      incoming,
      keeper,
      senders: createSenderRateLimit(config.SENDER_LIMIT_PER_MINUTE, notices, log),
      meter,
      log,
      now: () => new Date(),
    });
    const webhooks = createWebhooks({
      readSigned: createSignedForms(verifierOf(config), unsignedRateLimit),
      handlers,
      meter,
      backfill,
      trace: tracing.trace,
      log,
    });
    const probes = createProbes(createReadiness(redis));
    const closing = new AbortController();
    const site = createLazySite({
      config,
      stores,
      meter,
      unsignedRateLimit,
      renderer,
      keeper,
      closing: closing.signal,
      log,
    });
    // Twilio's webhooks first, then the probes, then the rest.
    const listener: RequestListener = (request, response) => {
      if (!webhooks(request, response) && !probes(request, response)) site(request, response);
    };
    const server = await runServer({
      port: config.PORT,
      host: config.HOST,
      listener,
      unsignedRateLimit,
    });
    shutdown.add('server', () => server.stop());
    shutdown.add('live pages', () => closing.abort());
    const starting = startUp(
      { stores, list, keeper, backfill, hasDashboard: config.ADMIN_PASSWORD !== undefined, log },
      shutdown,
    );
    shutdown.add('start-up', () => starting.stop());
    log.info({ port: server.port, publicUrl: config.PUBLIC_URL }, 'relay listening');
    const weakness =
      config.ADMIN_PASSWORD === undefined ? undefined : judgePassword(config.ADMIN_PASSWORD);
    if (weakness)
      log.warn(
        `ADMIN_PASSWORD ${weakness}: anyone who guesses it can read every message. “openssl rand -base64 18” makes a good one`,
      );
    return { url: `http://127.0.0.1:${server.port}`, stop: () => shutdown.run() };
  } catch (error) {
    await shutdown.run();
    throw error;
  }
}

/** The configuration is complete: a token of the account, and during a rotation a second one. */
function verifierOf({
  PUBLIC_URL,
  TWILIO_AUTH_TOKEN,
  TWILIO_AUTH_TOKEN_SECONDARY,
}: RelayConfig): Verifier {
  return createVerifier(
    PUBLIC_URL,
    [TWILIO_AUTH_TOKEN, TWILIO_AUTH_TOKEN_SECONDARY].filter((token) => token !== undefined),
  );
}

function createIncoming(
  config: RelayConfig,
  stores: Stores,
  { list, keeper, tellNoHome }: { list: AllowList; keeper: VmKeeper; tellNoHome: TellNoHome },
  log: Log,
): Incoming {
  const people = createListedPeople(list, createAliases(stores.redis));
  const intake = createIntake(stores.turns, config.RETENTION_DAYS, config.PLACEMENT);
  const noteStatusCallback = createStatusCallbacks(
    stores.ledger,
    stores.outbox,
    config.TWILIO_TEMPLATE_SID,
    log,
  );
  return {
    judgeParties: createJudgeParties(config.TWILIO_ACCOUNT_SID, config.TWILIO_WHATSAPP_NUMBER),
    people,
    receive: createReceive(intake, people, () => list.publish(), tellNoHome),
    claims: createClaims(stores.redis, config.RETENTION_DAYS),
    async noteStatus(report) {
      if (await noteStatusCallback(report)) keeper.look(report.conversation);
    },
  };
}

/**
 * The site, loaded with its first request: Express and its dependencies are most of the relay's
 * code, and Twilio's webhooks need none of it. If loading fails, the next request tries again.
 */
function createLazySite(parts: SiteDeps): RequestListener {
  let site: RequestListener | undefined;
  const load = lazy(async () => {
    // Express alone is the larger half; pending requests go first.
    await import('express');
    await nextTurn();
    site = await (await import('./http/site.ts')).createSite(parts);
    return site;
  });
  return (request, response) => {
    if (site) return void site(request, response);
    load().then(
      (loaded) => void loaded(request, response),
      (error: unknown) => {
        parts.log.error({ err: error }, 'a part of the relay could not be loaded');
        response
          .writeHead(503, { 'Content-Type': 'text/plain; charset=utf-8', 'Retry-After': '1' })
          .end('That did not work. Try again in a moment.');
      },
    );
  };
}
