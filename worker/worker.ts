import type { Worker } from 'bullmq';
import { listenToControl } from '../shared/control.ts';
import type { Control } from '../shared/control.ts';
import { createConversations } from '../shared/conversation.ts';
import { createDelivery } from '../shared/delivery.ts';
import type { Reconciling } from '../shared/delivery.ts';
import { createFileStore } from '../shared/file-store.ts';
import { createInbox } from '../shared/inbox.ts';
import { createIntake } from '../shared/intake.ts';
import { createLedger } from '../shared/ledger.ts';
import { createReleasers } from '../shared/lifecycle.ts';
import type { Running } from '../shared/lifecycle.ts';
import type { Log } from '../shared/log.ts';
import type { Messenger } from '../shared/messenger.ts';
import { createOutbox } from '../shared/outbox.ts';
import { createPace } from '../shared/pace.ts';
import type { PaceLimit } from '../shared/pace.ts';
import { createDeliveries, createTurns } from '../shared/queues.ts';
import type { Deliveries, QueueName, Turns } from '../shared/queues.ts';
import { connectRedis } from '../shared/redis.ts';
import type { Redis } from '../shared/redis.ts';
import { checkRedis } from '../shared/redis-check.ts';
import { createSchedules } from '../shared/schedules.ts';
import type { Schedules } from '../shared/schedules.ts';
import { sweep } from '../shared/sweep.ts';
import { createTyping } from '../shared/typing.ts';
import { createVmState } from '../shared/vm-state.ts';
import type { Agent } from './agent/agent.ts';
import type { WorkerConfig } from './config.ts';
import { createArrivals } from './arrivals.ts';
import type { Arrivals } from './arrivals.ts';
import { createDeliveryProcessor } from './deliveries.ts';
import { createLease } from './lease.ts';
import type { LeaseTimes } from './lease.ts';
import { createLiveClaims } from './live-claims.ts';
import type { LiveClaims } from './live-claims.ts';
import { openDoor } from './door.ts';
import { closeQueueWorker, createQueueWorker } from './queue-worker.ts';
import type { Processor } from './queue-worker.ts';
import { createTickProcessor } from './schedule-ticks.ts';
import { createSleep } from './sleep.ts';
import { createMediaFetch } from './media-fetch.ts';
import { createTurnProcessor } from './turn.ts';
import type { Silence } from './watchdog.ts';

/** What a worker is made of besides its configuration: another agent or messenger makes another composition. */
export type WorkerParts = {
  /** Makes the agent once the worker has its name, `WORKER_ID#boot`. */
  createAgent: (owner: string) => Promise<Agent>;
  messenger: Messenger;
  pace: PaceLimit;
  reconciling: Reconciling;
  silence: Silence;
  lease: LeaseTimes;
  /** How many conversations are worked at once, and how many are written to at once. */
  concurrency: { turns: number; deliveries: number };
  /** Called when there is nothing to do and the worker has fallen asleep: end the process. */
  onAsleep: () => void;
  /** Called when a newer boot of this worker has taken over; this one stops. */
  onFenced: () => void;
};

/** A job that is due within the idle time, but at most this (ms), is waited for: stopping and waking takes about as long. */
const longestSoonMs = 60_000;

/** How long after a failed job it is looked for what it left (ms). */
const sweepMs = 5000;

/** Runs the worker until it is stopped. Returns its address as this machine sees it. */
export async function runWorker(config: WorkerConfig, parts: WorkerParts, log: Log): Promise<Running & { url: string }> {
  const releasers = createReleasers(log);
  const workers = new Map<QueueName, Worker>();
  const running = new Set<string>();
  try {
    const redis = connectRedis(config.REDIS_URL, 'patient', log);
    releasers.add('redis', () => redis.disconnect());
    const turns = createTurns(redis);
    const deliveries = createDeliveries(redis);
    const schedules = createSchedules(redis);
    releasers.add('queues', () => Promise.all([turns.close(), deliveries.close(), schedules.close()]), 2000);

    const lease = await createLease({
      redis, worker: config.WORKER_ID, times: parts.lease, log, running: () => running,
      recover: async (name) => void (await workers.get(name)?.getBackend().moveStalledJobsToWait()),
      onFenced: parts.onFenced,
    });
    const agent = await parts.createAgent(lease.owner);
    releasers.add('agent', () => agent.stop());
    const claims = createLiveClaims(redis, lease.owner, (conversation) => agent.release(conversation), log);
    const arrivals = createArrivals();
    const onControl = (said: Control): void => {
      if (said.kind !== 'message') return claims.onControl(said);
      arrivals.announce(said.conversation);
      // A turn that is put off, for a usage limit, looks at what has come in: it may be a command, or want a word.
      if (said.putOff) turns.promote(said.conversation).catch((error: unknown) => log.warn({ err: error }, 'a turn that is put off was not told'));
    };
    const control = await listenToControl(redis, onControl, () => arrivals.announceAll());
    releasers.add('control', () => control.stop());

    const processors = createProcessors({ config, parts, redis, turns, deliveries, schedules, agent, claims, arrivals, log });

    const vm = createVmState(redis);
    const idleMs = config.IDLE_MINUTES === undefined ? undefined : config.IDLE_MINUTES * 60_000;
    const sleep = idleMs === undefined ? undefined : createSleep({
      idleMs,
      pause: async () => {
        lease.pause();
        await Promise.all([...workers.values()].map((worker) => worker.pause(true)));
      },
      resume: async () => {
        lease.start();
        await Promise.all([...workers.values()].map((worker) => worker.resume()));
      },
      fallAsleep: () => vm.fallAsleep(config.WORKER_ID, Date.now(), Math.min(idleMs, longestSoonMs)),
      onAsleep: parts.onAsleep, log,
    });
    releasers.add('sleep', () => sleep?.stop());

    const start = (name: QueueName, concurrency: number, process: Processor): void => {
      const awake: Processor = (job, token, signal) => (sleep ? sleep.during(() => process(job, token, signal)) : process(job, token, signal));
      workers.set(name, createQueueWorker({ name, redis, owner: lease.owner, concurrency, process: awake, running, log }));
    };
    start('turns', parts.concurrency.turns, processors.turns);
    start('deliveries', parts.concurrency.deliveries, processors.deliveries);
    start('schedules', 1, processors.schedules);
    // A job that failed by a defect or by Redis may leave something behind: whoever has it waiting gets a new one.
    const sweepSoon = (): void => void setTimeout(() => sweep(redis, turns, deliveries, log).catch((error: unknown) => log.warn({ err: error }, 'could not sweep')), sweepMs).unref();
    for (const [name, worker] of workers) {
      worker.on('failed', (job, error) => {
        log.error({ queue: name, job: job?.id, err: error }, 'a job failed');
        sweepSoon();
      });
    }
    releasers.add('lease', () => lease.stop());
    releasers.add('workers', () => Promise.all([...workers.values()].map((worker) => closeQueueWorker(worker, config.STOP_SECONDS * 1000))), config.STOP_SECONDS * 1000 + 2000);

    await checkRedis(redis, log);
    await lease.renew();
    await sweep(redis, turns, deliveries, log);
    lease.start();
    for (const [name, worker] of workers) worker.run().catch((error: unknown) => log.error({ err: error, queue: name }, 'a queue is not worked'));
    sleep?.stir();

    const door = await openDoor({ port: config.PORT, host: config.HOST, secret: config.WAKE_SECRET, onWake: () => sleep?.stir() });
    releasers.add('door', () => door.stop());
    log.info({ url: door.url, worker: lease.owner }, 'the worker is ready');
    return { url: door.url, stop: () => releasers.run() };
  } catch (error) {
    await releasers.run();
    throw error;
  }
}

type ProcessorParts = {
  config: WorkerConfig;
  parts: WorkerParts;
  redis: Redis;
  turns: Turns;
  deliveries: Deliveries;
  schedules: Schedules;
  agent: Agent;
  claims: LiveClaims;
  arrivals: Arrivals;
  log: Log;
};

/** What works each queue's jobs. */
function createProcessors({ config, parts, redis, turns, deliveries, schedules, agent, claims, arrivals, log }: ProcessorParts): Record<QueueName, Processor> {
  const outbox = createOutbox(redis, deliveries);
  const ledger = createLedger(redis);
  const deliver = createDelivery({
    messenger: parts.messenger, outbox, ledger, log, publicUrl: config.PUBLIC_URL,
    pace: createPace(redis, parts.pace), reconciling: parts.reconciling, now: Date.now,
  });
  const processTurn = createTurnProcessor({
    agent, arrivals, outbox, ledger, schedules, log,
    inbox: createInbox(redis), conversations: createConversations(redis), files: createFileStore(redis),
    dataDir: config.DATA_DIR, publicUrl: config.PUBLIC_URL, silence: parts.silence,
    claim: (conversation) => claims.claim(conversation),
    typing: createTyping(redis, parts.messenger),
    fetchMedia: createMediaFetch({
      accountSid: config.TWILIO_ACCOUNT_SID, authToken: config.TWILIO_AUTH_TOKEN, apiUrl: config.TWILIO_API_URL ?? 'https://api.twilio.com', pausesMs: [500, 2000],
    }),
  });
  return { turns: processTurn, deliveries: createDeliveryProcessor(outbox, deliver), schedules: createTickProcessor(createIntake(turns), log, Date.now) };
}
