import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createFileStore } from '../shared/file-store.ts';
import { keys } from '../shared/keys.ts';
import { createLedger } from '../shared/ledger.ts';
import { createReleasers } from '../shared/lifecycle.ts';
import type { Running } from '../shared/lifecycle.ts';
import type { Log } from '../shared/log.ts';
import { createOutbox } from '../shared/outbox.ts';
import { createDeliveries, createTurns } from '../shared/queues.ts';
import { connectRedis } from '../shared/redis.ts';
import type { Redis } from '../shared/redis.ts';
import { checkRedis } from '../shared/redis-check.ts';
import { sweep } from '../shared/sweep.ts';
import { createTwilioMessenger } from '../shared/twilio-messenger.ts';
import { createApp } from './app.ts';
import type { RelayConfig } from './config.ts';
import { createDashboard } from './dashboard.ts';
import { createGapRepair } from './gap-repair.ts';
import { createIntake } from './intake.ts';
import { createMedia } from './media.ts';
import { createSignIn } from './sign-in.ts';
import { createVerifier } from './signature.ts';
import { createStatuses } from './statuses.ts';
import { createWebhooks } from './webhooks.ts';

/** How long requests under way may take at a stop (ms); Twilio itself gives up after 15 s. */
const stopPatience = 5000;

/** Runs the relay until it is stopped. Returns its address as this machine sees it. Throws when it cannot listen. */
export async function runRelay(config: RelayConfig, log: Log): Promise<Running & { url: string }> {
  const releasers = createReleasers(log);
  try {
    const redis = connectRedis(config.REDIS_URL, 'fail-fast', log);
    releasers.add('redis', () => redis.disconnect());
    const turns = createTurns(redis);
    releasers.add('turns', () => turns.close());
    const deliveries = createDeliveries(redis);
    releasers.add('deliveries', () => deliveries.close());

    const outbox = createOutbox(redis, deliveries);
    const accept = createIntake(turns);
    const allowed = new Set(config.ALLOWED_SENDERS);
    const isAllowed = (sender: string): boolean => allowed.has(sender);
    const onAccepted = (): void => undefined;
    const webhooks = createWebhooks({
      verify: createVerifier(config.PUBLIC_URL, [config.TWILIO_AUTH_TOKEN]),
      isAllowed,
      accept,
      noteStatus: createStatuses(createLedger(redis), outbox, config.TWILIO_TEMPLATE_SID, log),
      onAccepted,
      log,
      now: () => new Date(),
    });
    const app = createApp({
      log,
      isReady: () => answers(redis),
      media: createMedia(createFileStore(redis), log),
      ...(config.ADMIN_PASSWORD
        ? { admin: [createSignIn(config.ADMIN_PASSWORD, config.PUBLIC_URL.startsWith('https:')), createDashboard([turns.queue, deliveries.queue])] }
        : {}),
    });
    // Headers and bodies that trickle in are cut off: nothing that Twilio sends takes seconds.
    const server = createServer({ requestTimeout: 10_000, headersTimeout: 8000, connectionsCheckingInterval: 2000, maxHeaderSize: 16 * 1024, keepAliveTimeout: 65_000 }, (request, response) => {
      if (!webhooks(request, response)) app(request, response);
    });
    releasers.add('server', () => close(server));
    const port = await listen(server, config.PORT, config.HOST);
    const gapRepair = createGapRepair({
      messenger: createTwilioMessenger(
        { accountSid: config.TWILIO_ACCOUNT_SID, authToken: config.TWILIO_AUTH_TOKEN, number: config.TWILIO_WHATSAPP_NUMBER, apiUrl: config.TWILIO_API_URL },
        log,
      ),
      isKnown: async (id) => (await redis.exists(keys.message(id))) === 1,
      isAllowed, accept, onAccepted, log,
    });
    // Redis may still be away: the relay answers all the same, and these begin when it is there.
    const begin = (): void => {
      void checkRedis(redis, log);
      sweep(redis, turns, deliveries, log).catch((error: unknown) => log.warn({ err: error }, 'could not sweep'));
      const repairing = gapRepair.start();
      releasers.add('gap repair', () => repairing.stop());
    };
    if (redis.status === 'ready') begin();
    else redis.once('ready', begin);
    log.info({ port, publicUrl: config.PUBLIC_URL }, 'the relay listens');
    return { url: `http://127.0.0.1:${port}`, stop: () => releasers.run() };
  } catch (error) {
    await releasers.run();
    throw error;
  }
}

async function answers(redis: Redis): Promise<boolean> {
  try {
    return (await redis.ping()) === 'PONG';
  } catch {
    return false;
  }
}

async function listen(server: Server, port: number, host: string | undefined): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, ...(host ? { host } : {}) }, resolve);
  });
  return (server.address() as AddressInfo).port;
}

/** Takes nothing new, lets what is under way end, and cuts off what has not ended in time. */
async function close(server: Server): Promise<void> {
  const timer = setTimeout(() => server.closeAllConnections(), stopPatience);
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
  clearTimeout(timer);
}
