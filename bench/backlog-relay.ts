import { once } from 'node:events';
import { parseRelayConfig } from '../relay/config.ts';
import { createSenderRateLimit } from '../relay/http/sender-rate-limit.ts';
import { createMetrics } from '../relay/metrics.ts';
import { createNotices } from '../shared/delivery/notices.ts';
import { createQueues } from '../shared/store/all-queues.ts';
import { createStores } from '../shared/store/stores.ts';
import { createVmKeeper } from '../relay/wake/vm.ts';
import { createRoutes } from '../shared/store/homes/routes.ts';
import { wakerTimes } from '../relay/wake/waker.ts';
import { createDelivery, reconcilingTimes } from '../shared/delivery/deliver.ts';
import { createIntake } from '../shared/store/boxes/intake.ts';
import { createLog } from '../shared/runtime/log.ts';
import type { Message } from '../shared/store/message.ts';
import { createSendRate, sendRateFor } from '../shared/store/send-rate.ts';
import { connectRedis } from '../shared/store/redis/redis.ts';
import { createTyping } from '../shared/delivery/typing.ts';
import { measureMemory, phoneOf } from './backlog-message.ts';
import type { BacklogJob, BacklogReply } from './backlog-message.ts';
import { createSilentMessenger } from './silent-messenger.ts';

/** The number of messages that are accepted concurrently. */
const atOnce = 50;

/** Notifying ten thousand people that the VM does not wake would be another measurement (ms). */
const hour = 3600_000;

/**
 * The relay's handling of a message after its signature check, in a separate process: the limit,
 * the intake, "typing…", and a waker whose VM does not wake.
 */
const config = parseRelayConfig(JSON.parse(process.argv[2] ?? '{}') as Record<string, string>);
const log = createLog('relay', 'silent');
const redis = connectRedis(config.REDIS_URL, 'fail-fast', log);
await once(redis, 'ready');
const stores = createStores(redis, createQueues(redis, { retentionDays: config.RETENTION_DAYS }), {
  days: config.RETENTION_DAYS,
  log,
});
const messenger = createSilentMessenger();
const deliver = createDelivery({
  messenger,
  outbox: stores.outbox,
  ledger: stores.ledger,
  sendRate: createSendRate(redis, sendRateFor(config.TWILIO_WHATSAPP_NUMBER)),
  log,
  publicUrl: config.PUBLIC_URL,
  reconciling: reconcilingTimes,
  now: Date.now,
});
const notices = createNotices(stores.ledger, deliver, log);
const keeper = createVmKeeper({
  redis,
  metrics: createMetrics(async () => Promise.reject(new Error('not asked for'))),
  times: { ...wakerTimes, tellMs: hour, giveUpMs: hour },
  log,
  notices,
  tellOwner: async () => undefined,
  homes: stores.homes,
  routes: createRoutes(''),
  wake: {
    url: config.WAKE_URL,
    secret: config.WAKE_SECRET,
    hosts: [],
    rescue: async () => ({ moved: [], waiting: 0 }),
    deadMs: hour,
  },
  typing: createTyping(redis, messenger),
});
const accept = createIntake(stores.turns, config.RETENTION_DAYS);
const senders = createSenderRateLimit(config.SENDER_LIMIT_PER_MINUTE, notices, log);
await keeper.start();

async function acceptOne(index: number, conversations: number): Promise<void> {
  const conversation = phoneOf(index % conversations);
  const message: Message = {
    id: `SM${index.toString(16).padStart(32, '0')}`,
    conversation,
    at: new Date().toISOString(),
    text: `message ${Math.floor(index / conversations)}`,
    media: [],
  };
  if (!senders.admit(conversation)) throw new Error('over the limit');
  const { outcome } = await accept(message);
  if (outcome !== 'new') throw new Error(`a message was taken for a ${outcome}`);
  keeper.onAccepted(message);
}

async function acceptAll({
  from,
  to,
  conversations,
}: Extract<BacklogJob, { kind: 'accept' }>): Promise<BacklogReply> {
  const before = process.cpuUsage();
  let next = from;
  const one = async (): Promise<void> => {
    while (next < to) await acceptOne(next++, conversations);
  };
  await Promise.all(Array.from({ length: atOnce }, one));
  const { user, system } = process.cpuUsage(before);
  return { kind: 'accepted', cpuMicros: user + system };
}

process.on('message', (job: BacklogJob) => {
  const work =
    job.kind === 'accept'
      ? acceptAll(job)
      : Promise.resolve<BacklogReply>({
          kind: 'looked',
          ...measureMemory(),
          answered: 0,
          outOfOrder: 0,
        });
  work
    .catch((error: unknown): BacklogReply => ({ kind: 'failed', message: String(error) }))
    .then(
      (reply) => process.send?.(reply),
      () => undefined,
    );
});
