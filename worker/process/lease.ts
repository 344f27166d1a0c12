import { z } from 'zod';
import { keys, ofHome, prefix } from '../../shared/store/redis/keys.ts';
import type { HomeSuffix } from '../../shared/store/redis/keys.ts';
import type { Log } from '../../shared/runtime/log.ts';
import { parseBeat } from '../../shared/store/homes/beats.ts';
import type { Beat } from '../../shared/store/homes/beats.ts';
import { suffixOf } from '../../shared/store/homes/routes.ts';
import { helpedQueues, queuesOf } from '../../shared/store/vm-state.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import type { MemoryUse } from '../../shared/store/redis/redis-memory.ts';
import { runScript } from '../../shared/store/redis/script.ts';
import { loadScript } from '../../shared/store/redis/script-file.ts';
import { ownerOf } from './boot-number.ts';
import { createDiskWatch } from './disk-beat.ts';
import type { DiskBeat } from './disk-beat.ts';
import type { Place } from './home-disk.ts';
import { lockMs } from './queue-worker.ts';
import type { RunningJobs } from './running-jobs.ts';

/** How often the lease is renewed and how long it is valid (ms). */
export type LeaseTimes = { renewMs: number; holdMs: number };

/** One renewal per 20 s makes 4,320 Redis commands a day, most of an idle worker's traffic. */
export const leaseTimes: LeaseTimes = { renewMs: 20_000, holdMs: 60_000 };

/** A worker's heartbeat in Redis, and its claim on the jobs of dead workers. */
export type Lease = {
  /** `WORKER_ID#boot`. BullMQ writes it on every job that this worker takes. */
  readonly owner: string;
  /**
   * Renews the lease, aborts the jobs that another worker has now, and frees those of dead workers:
   * earlier boots of this one at once, others when their lease has expired.
   */
  renew(): Promise<void>;
  /** Renews in the background. */
  renewSoon(): void;
  /**
   * Starts or pauses the periodic renewal: a renewal after the decision to sleep would report that
   * a worker is awake.
   */
  start(): void;
  pause(): void;
  /** Ends the lease, so that another worker need not wait for its expiry. */
  stop(): Promise<void>;
};

/**
 * A job that is ours in Redis and unknown here for this time (ms), at two renewals so far apart,
 * was assigned by a reply that never arrived. One is not enough: a process under load may not have
 * read the reply yet, but has read it before it reads that of the first of two renewals.
 */
const unheardMs = 2000;

/**
 * How far beyond its own delay a job may be due (ms): the clocks of two workers differ by less, and
 * a job that a clock, set back since, has put further off runs at once.
 */
const slackMs = 60_000;

const renewScript = loadScript(new URL('lua/renew.lua', import.meta.url), {
  keys: [
    'lease',
    'boots',
    'heartbeat',
    'waking',
    'vm',
    'conversations',
    'background',
    'record',
    'helps',
    'beats',
  ],
  args: [
    'ownWorker',
    'ownBoot',
    'holdMs',
    'prefix',
    'nowMs',
    'channel',
    'jobs',
    'unheard',
    'unheardMs',
    'cursor',
    'batch',
    'lockMs',
    'slackMs',
    'home',
    'mark',
    'since',
  ],
  rest: 'queues',
});

const Renewal = z.union([
  z.tuple([z.literal('fenced')]),
  z.tuple([
    z.literal('renewed'),
    z.array(z.string()),
    z.string(),
    z.array(z.string()),
    z.string(),
    z.coerce.number(),
    z.array(z.string()),
    z.number(),
    z.array(z.string().transform(suffixOf)),
    z.array(z.tuple([z.string(), z.string()])),
    z.number(),
    z.array(z.string()),
  ]),
]);

/** Conversations checked per renewal: with 20,000 of them all are covered in half an hour. */
const lookedAt = 200;

const endScript = loadScript(new URL('lua/end-lease.lua', import.meta.url), {
  keys: ['lease', 'heartbeat'],
  args: ['worker', 'boot', 'channel', 'home'],
});

/** What happens at a renewal. */
export type LeaseListener = {
  /** Makes BullMQ put the jobs marked as stalled back to the head of the queue. */
  recover(queue: string): Promise<void>;
  /** Creates jobs for conversations with items that wait without one. */
  onStranded(conversations: string[]): Promise<void>;
  /** Called while a dead worker's work in the background is noted. */
  onLostWork(): void;
  /** Receives the homes that this one sends for, as their computers do not come up. */
  onHelps?(homes: HomeSuffix[]): void;
  /** The home was noted as dead, and others may have got its people. */
  onRevived?(): void;
  /** Receives Redis's memory usage. */
  onMemory(use: MemoryUse): void;
  /** Called once, when a newer boot of this worker has taken over, or a worker on another disk is first. */
  onFenced(): void;
};

export type LeaseDeps = {
  redis: Redis;
  worker: string;
  /** The number of this boot. */
  boot: number;
  /** The home of the worker, by default the first, and the homes that it sends for now. */
  place?: Place;
  helped?: () => HomeSuffix[];
  /** The worker's mark on its disk. */
  disk?: DiskBeat;
  times: LeaseTimes;
  /** The jobs running in this worker. */
  running: RunningJobs;
  listener: LeaseListener;
  log: Log;
};

function beatsOf(others: [worker: string, beat: string][]): Beat[] {
  return others.flatMap(([worker, text]) => parseBeat(worker, text) ?? []);
}

/** The lease of a numbered boot. The first `renew` takes it. */
export function createLease(parts: LeaseDeps): Lease {
  const { redis, worker, boot, times, running, listener, log } = parts;
  const { place = { name: '', suffix: '' }, helped = () => [] } = parts;
  const home = place.suffix;
  const disk = parts.disk && createDiskWatch(parts.disk, worker);
  let timer: NodeJS.Timeout | undefined;
  let later: NodeJS.Timeout | undefined;
  let fenced = false;
  /** The worker falls asleep or stops: a renewal that has begun is not sent any more. */
  let isPaused = false;
  let first = true;
  /** In ms of the monotonic clock. */
  let renewedAt = -Infinity;
  let cursor = '0';
  /** The jobs that the last renewal found to be ours and unknown here. */
  let unheard: string[] = [];

  const end = (): void => {
    fenced = true;
    clearInterval(timer);
    listener.onFenced();
  };
  const renew = async (): Promise<void> => {
    const marked = await disk?.mark();
    if (isPaused) return;
    const found = await runScript(redis, renewScript, {
      keys: {
        lease: keys.lease(worker),
        boots: keys.boots(worker),
        heartbeat: ofHome(keys.heartbeat, home),
        waking: ofHome(keys.waking, home),
        vm: ofHome(keys.vm, home),
        conversations: ofHome(keys.conversations, home),
        background: keys.background,
        record: keys.home(place.name),
        helps: ofHome(keys.helps, home),
        beats: keys.beats(place.name),
      },
      args: {
        ownWorker: worker,
        ownBoot: boot,
        holdMs: times.holdMs,
        prefix,
        nowMs: Date.now(),
        channel: first ? keys.control : '',
        jobs: JSON.stringify(running.names()),
        unheard: JSON.stringify(unheard),
        unheardMs,
        cursor,
        batch: lookedAt,
        lockMs,
        slackMs,
        home,
        mark: marked?.mark ?? '',
        since: parts.disk?.since ?? 0,
      },
      rest: [...queuesOf(home), ...helped().flatMap(helpedQueues)],
    });
    const renewal = Renewal.parse(found);
    renewedAt = performance.now();
    first = false;
    if (fenced) return;
    // First of all: a job that another worker has started must not continue here.
    const ended = running.endLost(renewal[0] === 'fenced' ? running.names() : renewal[6]);
    if (ended.length > 0)
      log.warn({ jobs: ended.length }, 'another worker took over jobs: aborted them here');
    if (renewal[0] === 'fenced') {
      log.error({ worker, boot }, 'a newer boot of this worker has taken over');
      return end();
    }
    const [, freed, next, stranded, used, most, , hasLostWork, helps, others, isRevived, now] =
      renewal;
    unheard = now;
    if (unheard.length > 0) renewLater();
    const stranger = await marked?.stranger(beatsOf(others));
    if (stranger) {
      log.error({ home: place.name, other: stranger.worker }, 'two disks serve one home');
      if (stranger.isFirst) return end();
    }
    if (isRevived === 1) listener.onRevived?.();
    listener.onHelps?.(helps);
    cursor = next;
    if (used !== '') listener.onMemory({ usedBytes: Number(used), mostBytes: most });
    for (const name of freed) {
      log.warn({ queue: name }, 'recovering the jobs of a dead worker');
      await listener.recover(name);
    }
    if (hasLostWork === 1) listener.onLostWork();
    if (stranded.length > 0) await listener.onStranded(stranded);
  };

  const renewSafely = (): void =>
    void renew().catch((error: unknown) => log.warn({ err: error }, 'lease renewal failed'));
  const renewLater = (): void => {
    clearTimeout(later);
    later = setTimeout(() => {
      if (timer !== undefined) renewSafely();
    }, unheardMs + 200).unref();
  };
  // Another worker may have taken over while the connection was down. Jobs lost in the broken
  // connection are looked for as soon as they can be told from those still on their way.
  const onReady = (): void => {
    if (timer !== undefined && performance.now() - renewedAt > times.renewMs) renewSafely();
    renewLater();
  };
  redis.on('ready', onReady);

  return {
    owner: ownerOf(worker, boot),
    renew,
    renewSoon: renewSafely,
    start() {
      isPaused = false;
      timer ??= setInterval(renewSafely, times.renewMs);
      // Many short pauses in a row must not postpone the renewal forever.
      if (performance.now() - renewedAt >= times.renewMs) renewSafely();
    },
    pause() {
      isPaused = true;
      clearInterval(timer);
      timer = undefined;
    },
    async stop() {
      isPaused = true;
      redis.off('ready', onReady);
      clearInterval(timer);
      timer = undefined;
      if (fenced || redis.status !== 'ready') return;
      await runScript(redis, endScript, {
        keys: { lease: keys.lease(worker), heartbeat: ofHome(keys.heartbeat, home) },
        args: { worker, boot, channel: keys.control, home },
      });
    },
  };
}
