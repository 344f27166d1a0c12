import { once } from 'node:events';
import { createDelivery, reconcilingTimes } from '../shared/delivery.ts';
import { createFileStore } from '../shared/file-store.ts';
import { createIntake } from '../shared/intake.ts';
import { keys } from '../shared/keys.ts';
import { createLedger } from '../shared/ledger.ts';
import { createReleasers } from '../shared/lifecycle.ts';
import type { Running } from '../shared/lifecycle.ts';
import type { Log } from '../shared/log.ts';
import type { Messenger } from '../shared/messenger.ts';
import { createOutbox } from '../shared/outbox.ts';
import { createPace, paceFor } from '../shared/pace.ts';
import { createDeliveries, createTurns } from '../shared/queues.ts';
import { checkRedis } from '../shared/redis-check.ts';
import { connectRedis } from '../shared/redis.ts';
import type { Redis } from '../shared/redis.ts';
import { createSchedules } from '../shared/schedules.ts';
import { sweep } from '../shared/sweep.ts';
import { createTwilioMessenger } from '../shared/twilio-messenger.ts';
import { createTyping } from '../shared/typing.ts';
import { createApp } from './app.ts';
import { beginInOrder } from './beginning.ts';
import type { RelayConfig } from './config.ts';
import { createDashboard } from './dashboard.ts';
import { createGapRepair } from './gap-repair.ts';
import { createMedia } from './media.ts';
import { createMetrics } from './metrics.ts';
import { createNotices } from './notices.ts';
import { runServer } from './server.ts';
import { createSignIn } from './sign-in.ts';
import { createVerifier } from './signature.ts';
import { createStatuses } from './statuses.ts';
import { createVmKeeper } from './vm-keeper.ts';
import { wakerTimes } from './waker.ts';
import type { WakerTimes } from './waker.ts';
import type { StatusReport } from './webhook.ts';
import { createWebhooks } from './webhooks.ts';

/** What a relay is made of besides its configuration; tests are more impatient. */
export type RelayParts = { messenger: Messenger; times: WakerTimes };

/** The composition that production runs. */
export function relayParts(config: RelayConfig, log: Log): RelayParts {
  const account = { accountSid: config.TWILIO_ACCOUNT_SID, authToken: config.TWILIO_AUTH_TOKEN, number: config.TWILIO_WHATSAPP_NUMBER, apiUrl: config.TWILIO_API_URL };
  return { messenger: createTwilioMessenger(account, log), times: wakerTimes };
}

/** Runs the relay until it is stopped. Returns its address as this machine sees it. Throws when it cannot listen. */
export async function runRelay(config: RelayConfig, log: Log, { messenger, times }: RelayParts = relayParts(config, log)): Promise<Running & { url: string }> {
  const releasers = createReleasers(log);
  try {
    const redis = connectRedis(config.REDIS_URL, 'fail-fast', log);
    releasers.add('redis', () => redis.disconnect());
    const [turns, deliveries, schedules] = [createTurns(redis), createDeliveries(redis), createSchedules(redis)];
    releasers.add('queues', () => Promise.all([turns.close(), deliveries.close(), schedules.close()]), 2000);

    const outbox = createOutbox(redis, deliveries);
    const ledger = createLedger(redis);
    const pace = createPace(redis, paceFor(config.TWILIO_WHATSAPP_NUMBER, config));
    const deliver = createDelivery({ messenger, outbox, ledger, pace, log, publicUrl: config.PUBLIC_URL, reconciling: reconcilingTimes, now: Date.now });
    const metrics = createMetrics();
    const keeper = createVmKeeper({
      redis, metrics, times, log,
      wakeUrl: config.WAKE_URL, wakeSecret: config.WAKE_SECRET,
      typing: createTyping(redis, messenger),
      notices: createNotices(ledger, deliver, log),
    });

    const allowed = new Set(config.ALLOWED_SENDERS);
    const door = {
      isAllowed: (sender: string): boolean => allowed.has(sender),
      accept: createIntake(turns),
      onAccepted: keeper.onAccepted,
      onUnclear: keeper.look,
      log,
    };
    const statuses = createStatuses(ledger, outbox, config.TWILIO_TEMPLATE_SID, log);
    const noteStatus = async (report: StatusReport): Promise<void> => {
      if (await statuses(report)) keeper.look();
    };
    const webhooks = createWebhooks({
      ...door,
      verify: createVerifier(config.PUBLIC_URL, [config.TWILIO_AUTH_TOKEN]),
      noteStatus,
      count: (outcome) => metrics.accepted.inc({ outcome }),
      now: () => new Date(),
    });
    const app = createApp({
      log, registry: metrics.registry,
      isReady: () => answers(redis),
      media: createMedia(createFileStore(redis), log),
      ...(config.ADMIN_PASSWORD
        ? { signIn: createSignIn(config.ADMIN_PASSWORD, config.PUBLIC_URL.startsWith('https:')), dashboard: createDashboard([turns.queue, deliveries.queue, schedules.queue]) }
        : {}),
    });
    const server = await runServer(config.PORT, config.HOST, (request, response) => {
      if (!webhooks(request, response)) app(request, response);
    });
    releasers.add('server', () => server.stop());

    const gapRepair = createGapRepair({
      ...door, messenger, noteStatus,
      isKnown: async (id) => (await redis.exists(keys.message(id))) === 1,
      findReply: (sid) => redis.get(keys.sent(sid)),
    });
    // Redis may still be away, or full: the relay answers all the same, and the rest begins when it can.
    const beginning = beginInOrder(
      [
        () => untilReady(redis),
        () => checkRedis(redis, log),
        async () => void (await sweep(redis, turns, deliveries, log)),
        async () => {
          const keeping = await keeper.start();
          releasers.add('VM keeper', () => keeping.stop());
        },
        async () => {
          const repairing = gapRepair.start();
          releasers.add('gap repair', () => repairing.stop());
        },
      ],
      log,
    );
    releasers.add('beginning', () => beginning.stop());
    log.info({ port: server.port, publicUrl: config.PUBLIC_URL }, 'the relay listens');
    return { url: `http://127.0.0.1:${server.port}`, stop: () => releasers.run() };
  } catch (error) {
    await releasers.run();
    throw error;
  }
}

async function untilReady(redis: Redis): Promise<void> {
  if (redis.status !== 'ready') await once(redis, 'ready');
}

async function answers(redis: Redis): Promise<boolean> {
  try {
    return (await redis.ping()) === 'PONG';
  } catch {
    return false;
  }
}
