import { z } from 'zod';
import { keys, prefix } from '../../shared/store/redis/keys.ts';
import type { Log } from '../../shared/runtime/log.ts';
import type { QueueName } from '../../shared/store/queues.ts';
import { queueNames } from '../../shared/store/vm-state.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import type { MemoryUse } from '../../shared/store/redis/redis-memory.ts';
import { defineScript, runScript } from '../../shared/store/redis/script.ts';
import { isStrandedLua } from '../../shared/store/boxes/sweep.ts';
import { ownerOf } from './boot-number.ts';
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
 * A job that is ours in Redis and unknown here for this time (ms) was assigned by a reply that
 * never arrived.
 */
const unheardMs = 2000;

/**
 * Renews the lease, unless a newer boot of the same worker exists: then this one is fenced off. A
 * job is an orphan when its boot does not hold its worker's lease, or when its boot is this one and
 * does not know the job (a connection can break between Redis's step and its reply); its lock is
 * removed and it is marked as stalled, which is where BullMQ's own recovery takes over. A worker
 * that hangs with an open connection swallows the marker by which BullMQ wakes the others: the
 * first renewal sets one, and so does any renewal that finds waiting jobs without a marker. A job
 * running here whose lock is another's is reported as lost; a lock that expired while this worker
 * was halted, and that no other has taken, is taken again. The first renewal also ends the wake
 * that started this worker, in case the relay died during it. Each renewal checks a batch of
 * conversations for items that wait without a job, whatever the cause, and Redis's memory, which
 * some servers do not report to a script.
 */
const renewScript = defineScript({
  name: 'sidepocketRenew',
  keys: ['lease', 'boots', 'heartbeat', 'waking', 'conversations'],
  args: [
    'ownWorker',
    'ownBoot',
    'holdMs',
    'prefix',
    'nowMs',
    'channel',
    'jobs',
    'unheardMs',
    'cursor',
    'batch',
    'lockMs',
  ],
  rest: 'queues',
  // The channel is '' except at the first renewal; the running `jobs` are JSON of `queue:id=token`;
  // the `cursor` is the position among the conversations, of which a `batch` is checked.
  lua: `-- derives turns:*, deliveries:*, schedules:*, inbox:*, outbox:*, lease:*, vm
    ${isStrandedLua}
    local newest = redis.call('GET', boots)
    if newest and tonumber(newest) > tonumber(ownBoot) then return { 'fenced' } end
    redis.call('SET', lease, ownBoot, 'PX', holdMs)
    redis.call('SET', heartbeat, ownWorker .. '#' .. ownBoot, 'PX', holdMs)
    if channel ~= '' then
      redis.call('DEL', waking, prefix .. ':vm')
      redis.call('PUBLISH', channel, cjson.encode({ kind = 'awake' }))
    end
    local freed, running, lost = {}, {}, {}
    local function isLost(base, id, token)
      local lock = redis.call('GET', base .. id .. ':lock')
      if lock then return lock ~= token end
      local isOurs = redis.call('HGET', base .. id, 'pb') == ownWorker .. '#' .. ownBoot
      if not isOurs or not redis.call('LPOS', base .. 'active', id) then return true end
      redis.call('SET', base .. id .. ':lock', token, 'PX', lockMs)
      redis.call('SREM', base .. 'stalled', id)
      return false
    end
    for _, name in ipairs(cjson.decode(jobs)) do
      local queue, id, token = string.match(name, '^(%a+):(.*)=([^=]*)$')
      running[queue .. ':' .. id] = true
      if isLost(prefix .. ':' .. queue .. ':', id, token) then lost[#lost + 1] = name end
    end
    for _, queue in ipairs(queues) do
      local base, count = prefix .. ':' .. queue .. ':', 0
      for _, id in ipairs(redis.call('LRANGE', base .. 'active', 0, -1)) do
        local worker, boot = string.match(redis.call('HGET', base .. id, 'pb') or '', '^(.*)#(%d+)$')
        local orphan = worker and redis.call('GET', prefix .. ':lease:' .. worker) ~= boot
        if worker == ownWorker and boot == ownBoot and not running[queue .. ':' .. id] then
          local begun = tonumber(redis.call('HGET', base .. id, 'processedOn') or nowMs)
          orphan = begun < tonumber(nowMs) - tonumber(unheardMs)
        end
        if orphan then
          redis.call('DEL', base .. id .. ':lock')
          redis.call('SADD', base .. 'stalled', id)
          count = count + 1
        end
      end
      if count > 0 then redis.call('DEL', base .. 'stalled-check') end
      local due = redis.call('ZRANGE', base .. 'delayed', 0, 0, 'WITHSCORES')[2]
      local waits = redis.call('LLEN', base .. 'wait') > 0 or (due and tonumber(due) / 0x1000 <= tonumber(nowMs))
      if channel ~= '' or (waits and redis.call('EXISTS', base .. 'marker') == 0) then
        redis.call('ZADD', base .. 'marker', 0, '0')
      end
      if count > 0 then freed[#freed + 1] = queue end
    end
    local told, info = pcall(redis.call, 'INFO', 'memory')
    local used, most = string.match(told and info or '', 'used_memory:(%d+)'), string.match(told and info or '', '\\nmaxmemory:(%d+)')
    local found, stranded = redis.call('SSCAN', conversations, cursor, 'COUNT', batch), {}
    for _, conversation in ipairs(found[2]) do
      local wantsTurn = isStranded(prefix, 'turns', 'inbox', conversation)
      if wantsTurn or isStranded(prefix, 'deliveries', 'outbox', conversation) then
        stranded[#stranded + 1] = conversation
      end
    end
    return { 'renewed', freed, found[1], stranded, used or '', most or '0', lost }`,
});

const Renewal = z.union([
  z.tuple([z.literal('fenced')]),
  z.tuple([
    z.literal('renewed'),
    z.array(z.enum(queueNames)),
    z.string(),
    z.array(z.string()),
    z.string(),
    z.coerce.number(),
    z.array(z.string()),
  ]),
]);

/** Conversations checked per renewal: with 20,000 of them all are covered in half an hour. */
const lookedAt = 200;

/**
 * Deletes this boot's lease and heartbeat; a newer boot may have started meanwhile. Tells a relay
 * that relies on the heartbeat that the worker is gone.
 */
const endScript = defineScript({
  name: 'sidepocketEndLease',
  keys: ['lease', 'heartbeat'],
  args: ['worker', 'boot', 'channel'],
  lua: `
    if redis.call('GET', lease) == boot then redis.call('DEL', lease) end
    if redis.call('GET', heartbeat) == worker .. '#' .. boot then
      redis.call('DEL', heartbeat)
      redis.call('PUBLISH', channel, cjson.encode({ kind = 'asleep', nextDue = 0 }))
    end
    return 1`,
});

export type LeaseParts = {
  redis: Redis;
  worker: string;
  /** The number of this boot. */
  boot: number;
  times: LeaseTimes;
  /** The jobs running in this worker. */
  running: RunningJobs;
  /** Makes BullMQ put the jobs marked as stalled back to the head of the queue. */
  recover: (queue: QueueName) => Promise<void>;
  /** Creates jobs for conversations with items that wait without one. */
  onStranded: (conversations: string[]) => Promise<void>;
  /** Receives Redis's memory usage. */
  onMemory: (use: MemoryUse) => void;
  /** Called once, when a newer boot of this worker has taken over. */
  onFenced: () => void;
  log: Log;
};

/** The lease of a numbered boot. The first `renew` takes it. */
export function createLease({
  redis,
  worker,
  boot,
  times,
  running,
  recover,
  onStranded,
  onMemory,
  onFenced,
  log,
}: LeaseParts): Lease {
  let timer: NodeJS.Timeout | undefined;
  let fenced = false;
  let first = true;
  let renewedAt = 0;
  let cursor = '0';

  const renew = async (): Promise<void> => {
    const found = await runScript(redis, renewScript, {
      keys: {
        lease: keys.lease(worker),
        boots: keys.boots(worker),
        heartbeat: keys.heartbeat,
        waking: keys.waking,
        conversations: keys.conversations,
      },
      args: {
        ownWorker: worker,
        ownBoot: boot,
        holdMs: times.holdMs,
        prefix,
        nowMs: Date.now(),
        channel: first ? keys.control : '',
        jobs: JSON.stringify(running.names()),
        unheardMs,
        cursor,
        batch: lookedAt,
        lockMs,
      },
      rest: queueNames,
    });
    const renewal = Renewal.parse(found);
    renewedAt = Date.now();
    first = false;
    if (fenced) return;
    // First of all: a job that another worker has started must not continue here.
    const ended = running.endLost(renewal[0] === 'fenced' ? running.names() : renewal[6]);
    if (ended.length > 0)
      log.warn({ jobs: ended.length }, 'another worker took over jobs: aborted them here');
    if (renewal[0] === 'fenced') {
      fenced = true;
      clearInterval(timer);
      log.error({ worker, boot }, 'a newer boot of this worker has taken over');
      onFenced();
      return;
    }
    const [, freed, next, stranded, used, most] = renewal;
    cursor = next;
    if (used !== '') onMemory({ usedBytes: Number(used), mostBytes: most });
    for (const name of freed) {
      log.warn({ queue: name }, 'recovering the jobs of a dead worker');
      await recover(name);
    }
    if (stranded.length > 0) await onStranded(stranded);
  };

  const renewSafely = (): void =>
    void renew().catch((error: unknown) => log.warn({ err: error }, 'lease renewal failed'));
  // Another worker may have taken over while the connection was down. Jobs lost in the broken
  // connection are looked for as soon as they can be told from those still on their way.
  const onReady = (): void => {
    if (timer !== undefined && Date.now() - renewedAt > times.renewMs) renewSafely();
    setTimeout(() => {
      if (timer !== undefined) renewSafely();
    }, unheardMs + 200).unref();
  };
  redis.on('ready', onReady);

  return {
    owner: ownerOf(worker, boot),
    renew,
    renewSoon: renewSafely,
    start() {
      timer ??= setInterval(renewSafely, times.renewMs);
      // Many short pauses in a row must not postpone the renewal forever.
      if (Date.now() - renewedAt >= times.renewMs) renewSafely();
    },
    pause() {
      clearInterval(timer);
      timer = undefined;
    },
    async stop() {
      redis.off('ready', onReady);
      clearInterval(timer);
      timer = undefined;
      if (fenced || redis.status !== 'ready') return;
      await runScript(redis, endScript, {
        keys: { lease: keys.lease(worker), heartbeat: keys.heartbeat },
        args: { worker, boot, channel: keys.control },
      });
    },
  };
}
