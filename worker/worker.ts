import type { Job, Worker } from 'bullmq';
import { z } from 'zod';
import { createContents } from '../shared/twilio/content-cache.ts';
import { createShutdown } from '../shared/runtime/lifecycle.ts';
import type { Running } from '../shared/runtime/lifecycle.ts';
import { lazy } from '../shared/runtime/lazy.ts';
import type { Log } from '../shared/runtime/log.ts';
import { createQueues } from '../shared/store/all-queues.ts';
import type { QueueName } from '../shared/store/queues.ts';
import { announceWork } from '../shared/store/redis/pubsub.ts';
import { queuesOf } from '../shared/store/vm-state.ts';
import type { HomeSuffix } from '../shared/store/redis/keys.ts';
import type { Redis } from '../shared/store/redis/redis.ts';
import { createStores } from '../shared/store/stores.ts';
import type { Stores } from '../shared/store/stores.ts';
import { checkRedis } from '../shared/store/redis/redis-check.ts';
import { traceMessenger } from '../shared/delivery/traced-messenger.ts';
import { untraced } from '../shared/runtime/tracing.ts';
import { sweep, sweepAmong } from '../shared/store/boxes/sweep.ts';
import type { Agent } from './agent/agent.ts';
import { watchWork } from './background/watch-work.ts';
import type { WorkerConfig } from './config.ts';
import { createArrivals } from './process/arrivals.ts';
import { bootWorker } from './process/boot.ts';
import type { Boot, BootDeps } from './process/boot.ts';
import { keepTurns } from './process/kept-turns.ts';
import { createHelping } from './process/helping.ts';
import { createDiskBeat } from './process/disk-beat.ts';
import { createLease } from './process/lease.ts';
import { listenToWorkers } from './process/listening.ts';
import { createSweepBackoff } from './process/sweep-backoff.ts';
import type { SweepBackoff } from './process/sweep-backoff.ts';
import { closeQueueWorker, createQueueWorker, recoverJobs } from './process/queue-worker.ts';
import type { Processor } from './process/queue-worker.ts';
import type { ProcessorDeps } from './processors.ts';
import { createFileReader } from './reading/file-reader.ts';
import { createRunningJobs } from './process/running-jobs.ts';
import { createOnStranded } from './process/stranded.ts';
import { createWorkerSleep } from './process/worker-sleep.ts';
import { watchVm } from './process/vm-watch.ts';
import { watchThaw } from './process/thaw.ts';
import type { WorkerDeps } from './worker-deps.ts';
import { createMover } from './moving/mover.ts';
import { workspaceName } from './agent/homes/home.ts';
import type { Snapshots } from './snapshots/snapshots.ts';

/** How many turns may be queued for a slot besides those at work. */
const longestQueue = 50;

/** How long after its start the worker prepares what a later message may need (ms). */
const warmMs = 3000;

/**
 * Runs the worker until it is stopped. `earlyBoot` is its boot if that was already done; the worker
 * owns it from then on. Returns its address on this machine.
 */
export async function runWorker(
  config: WorkerConfig,
  parts: WorkerDeps,
  log: Log,
  earlyBoot?: Boot,
): Promise<Running & { url: string }> {
  const shutdown = createShutdown(log);
  const { tracing = untraced } = parts;
  shutdown.add('tracing', () => tracing.stop(), 3000);
  const workers = new Map<string, Worker>();
  const running = createRunningJobs();
  try {
    const booted =
      earlyBoot ?? (await bootWorker(config, parts.createAgent, log, bootPartsOf(parts)));
    const { redis, boot, agent, claims, place, snapshots } = booted;
    const { suffix: home } = place;
    shutdown.add('redis', () => redis.disconnect());
    shutdown.add('agent', () => agent.stop());
    const { homes } = booted;
    const reader = parts.media?.reader ?? createFileReader({ userOf: homes.users?.reader, log });
    shutdown.add('reader', () => reader.stop());
    const queues = createQueues(redis, {
      retentionDays: config.RETENTION_DAYS,
      telemetry: tracing.queues,
      home,
      onForeign: (at) => announceWork(redis, at),
    });
    shutdown.add('queues', () => queues.close(), 2000);
    const stores = createStores(redis, queues, {
      days: config.RETENTION_DAYS,
      log,
      isPretend: config.PRETEND_COSTS,
      home,
    });
    const { turns, deliveries } = stores;
    const vm = watchVm({
      meters: stores.meters,
      worker: config.WORKER_ID,
      home: place.name,
      since: parts.times.startedAt ?? Date.now(),
      log,
    });
    shutdown.add('count of the VM’s time', () => vm.stop(), 2000);
    const sweepBackoff = createSweepBackoff({
      sweep: (conversation) => sweepAmong([conversation], redis, turns, deliveries),
      log,
    });
    shutdown.add('sweep after failures', () => sweepBackoff.stop());
    const onStranded = createOnStranded({ sweepBackoff, stores, log });
    const lease = createLease({
      redis,
      worker: config.WORKER_ID,
      boot,
      place,
      helped: () => helping.homes(),
      disk: createDiskBeat(config.DATA_DIR, config.WORKER_ID, {
        freshMs: parts.times.lease.renewMs / 2,
      }),
      times: parts.times.lease,
      log,
      running,
      listener: {
        recover: async (name) => await recoverJobs(redis, name, workers.get(name), log),
        onStranded,
        onLostWork: () => background?.recover(),
        onHelps: (homes) => helping.follow(homes),
        onMemory: stores.memory.note,
        onRevived: () => void mover.fence(),
        onFenced: parts.onFenced,
      },
    });
    const thaw = watchThaw({
      longestMs: parts.times.lease.holdMs - parts.times.lease.renewMs,
      pause: () => agent.pause(),
      ask: () => lease.renew(),
      log,
    });
    shutdown.add('thaw', () => thaw.stop());
    const arrivals = createArrivals();
    const control = listenToWorkers({ redis, home, claims, arrivals, turns, lease, workers, log });
    shutdown.add('control', async () => (await control).stop());

    const messenger = traceMessenger(parts.createMessenger(createContents(redis)), tracing.trace);
    const mover = createMover({ stores, boot: booted, aside: booted.aside, log });
    shutdown.add('mover', () => mover.stop());
    const { load: loadProcessors, of: processorOf } = createLazyProcessors({
      messenger,
      config,
      parts,
      stores,
      boot: booted,
      arrivals,
      reader,
      thaw,
      mover,
      log,
    });

    const background = watchWork({ config, stores, agent, owner: lease.owner, log });
    shutdown.add('background', followRedis(redis, background));
    // Claude Code says at its end what it could not save; the background notes it.
    shutdown.add('agent’s processes', () => agent.stop());
    const sleep = createWorkerSleep(
      config,
      { lease, workers, agent, snapshots },
      { redis, home, onStranded, onAsleep: parts.onAsleep, log },
    );
    shutdown.add('sleep', () => sleep?.stop());
    const atWork = new Set<string>();
    const start = (
      kind: QueueName,
      concurrency: number,
      process: Processor,
      at: HomeSuffix = home,
    ): Worker => {
      const name = `${kind}${at}`;
      const awake: Processor = (job, token, signal) =>
        sleep ? sleep.during(() => process(job, token, signal)) : process(job, token, signal);
      const worker = createQueueWorker({
        name,
        redis,
        owner: lease.owner,
        concurrency,
        process: awake,
        running,
        onLockLost: lease.renewSoon,
        telemetry: tracing.queues,
        log,
      });
      sweepAfter(name, worker, sweepBackoff, log);
      workers.set(name, worker);
      return worker;
    };
    const noted = noting(atWork, keepFailing(processorOf('turns'), sweepBackoff, log), snapshots);
    const startSending = (at: HomeSuffix): Worker[] => [
      start('deliveries', parts.concurrency.deliveries, processorOf('deliveries'), at),
      start('schedules', 1, processorOf('schedules'), at),
    ];
    const sweepAt = (at: HomeSuffix): Promise<number> => sweep(stores, log, [at]);
    const helping = createHelping({ workers, open: startSending, sweep: sweepAt, log });
    // Takes more turns than may work at once: people in the queue learn their position, and can
    // stop.
    start('turns', parts.concurrency.turns + longestQueue, noted);
    startSending(home);
    shutdown.add('lease', () => lease.stop());
    shutdown.add(
      'workers',
      () => closeQueues(workers, config.STOP_SECONDS * 1000),
      config.STOP_SECONDS * 1000 + 2000,
    );

    // Before the queues: a turn that waits for its home is handed back.
    shutdown.add('snapshots', () => snapshots?.stop());
    if (snapshots) await startSnapshots(snapshots, stores, agent);

    void Promise.all([checkRedis(redis, log), mover.fence()]);
    await Promise.all([control, lease.renew()]);
    lease.start();
    for (const name of queuesOf(home)) runQueue(workers.get(name), log);
    // If Redis is out of memory and refuses now, each renewal of the lease tries again.
    await sweepAt(home).catch((error: unknown) =>
      log.warn({ err: error }, 'sweep at startup failed'),
    );
    await loadProcessors();
    await agent.make();
    // Not needed before the first job.
    const [{ openHttpServer }, { startChores }] = await Promise.all([
      import('./process/http.ts'),
      import('./process/chores.ts'),
    ]);
    const http = await openHttpServer({
      port: config.PORT,
      host: config.HOST,
      secret: config.WAKE_SECRET,
      onWake: () => sleep?.stir(),
    });
    shutdown.add('http server', () => http.stop());
    // The idle time starts when everything is ready, because a slow start is not idle time.
    sleep?.stir();
    log.info({ url: http.url, worker: lease.owner }, 'the worker is ready');
    const days = config.KEEP_FILES_DAYS;
    const delayMs = parts.times.warmMs ?? warmMs;
    const { schedules } = stores;
    const chores = startChores({ homes, days, atWork, schedules, reader, messenger, delayMs, log });
    shutdown.add('chores', () => chores.stop());
    return { url: http.url, stop: () => shutdown.run() };
  } catch (error) {
    await shutdown.run();
    throw error;
  }
}

async function closeQueues(workers: ReadonlyMap<string, Worker>, graceMs: number): Promise<void> {
  await Promise.all([...workers.values()].map((worker) => closeQueueWorker(worker, graceMs)));
}

async function startSnapshots(snapshots: Snapshots, stores: Stores, agent: Agent): Promise<void> {
  const { createSnapshotListener } = await import('./snapshots/listener.ts');
  await snapshots.start(createSnapshotListener(stores, agent));
}

/** Notes what runs whenever Redis is back. Returns what ends that and the background itself. */
function followRedis(redis: Redis, background: ReturnType<typeof watchWork>): () => Promise<void> {
  const refresh = (): void => background?.refresh();
  redis.on('ready', refresh);
  return async () => {
    redis.off('ready', refresh);
    await background?.stop();
  };
}

function runQueue(worker: Worker | undefined, log: Log): void {
  worker
    ?.run()
    .catch((error: unknown) =>
      log.error({ err: error, queue: worker.name }, 'queue worker stopped'),
    );
}

function bootPartsOf({ homes, times }: WorkerDeps): BootDeps {
  return { homes, snapshotTimes: times.snapshots };
}

/**
 * The processors, most of the worker's code, loaded while the first job is fetched, which waits for
 * them. `load` rejects when they cannot be created.
 */
function createLazyProcessors(parts: ProcessorDeps): {
  load(): Promise<Record<QueueName, Processor>>;
  of(queue: QueueName): Processor;
} {
  const load = lazy(async () => (await import('./processors.ts')).createProcessors(parts));
  return {
    load,
    of:
      (queue) =>
      async (...job) =>
        await (await load())[queue](...job),
  };
}

/** Delays turns that break off, longer each time. */
function keepFailing(turns: Processor, sweepBackoff: SweepBackoff, log: Log): Processor {
  return keepTurns(turns, (job) => sweepBackoff.pauseAfterFailure(conversationOf(job)), log);
}

/** Sweeps again after failed jobs. */
function sweepAfter(queue: string, worker: Worker, sweepBackoff: SweepBackoff, log: Log): void {
  worker.on('failed', (job, error) => {
    log.error({ queue, job: job?.id, err: error }, 'a job failed');
    const conversation = job ? conversationOf(job) : '';
    if (conversation !== '') sweepBackoff.onFailed(conversation);
  });
  worker.on('completed', (job) => sweepBackoff.onDone(conversationOf(job)));
}

/** Tracks the directory names of conversations with a running turn, and what snapshots wait for. */
function noting(
  atWork: Set<string>,
  process: Processor,
  snapshots: Snapshots | undefined,
): Processor {
  return async (job, token, signal) => {
    const conversation = conversationOf(job);
    const name = workspaceName(conversation);
    atWork.add(name);
    const work = (): Promise<unknown> => process(job, token, signal);
    return await (snapshots?.during(conversation, work) ?? work()).finally(() =>
      atWork.delete(name),
    );
  };
}

/** A job's conversation; '' when its data, which another version may have written, has none. */
function conversationOf(job: Job): string {
  const { data } = z.object({ conversation: z.string() }).safeParse(job.data);
  return data?.conversation ?? job.deduplicationId ?? '';
}
