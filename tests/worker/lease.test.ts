import { expect, test } from 'vitest';
import { createBackground } from '../../shared/store/background.ts';
import { keys, prefix } from '../../shared/store/redis/keys.ts';
import type { QueueName } from '../../shared/store/queues.ts';
import { createLog } from '../../shared/runtime/log.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import { countBoot } from '../../worker/process/boot-number.ts';
import { createLease } from '../../worker/process/lease.ts';
import { createRunningJobs } from '../../worker/process/running-jobs.ts';
import type { RunningJobs } from '../../worker/process/running-jobs.ts';
import type { Lease, LeaseDeps } from '../../worker/process/lease.ts';
import { withRedis } from '../support/redis.ts';

const log = createLog('test', 'silent');
const times = { renewMs: 3600_000, holdMs: 60_000 };

type Boot = Lease & {
  boot: number;
  freed: string[];
  jobs: RunningJobs;
  isFenced: () => boolean;
  /** How often it was told that a dead worker has left work in the background. */
  lostWork: () => number;
};

/** The next boot of a worker, with the queues whose jobs it took back. */
async function boot(
  redis: Redis,
  worker: string,
  running: string[] = [],
  disk?: LeaseDeps['disk'],
): Promise<Boot> {
  const number = await countBoot(redis, worker);
  const jobs = createRunningJobs();
  for (const id of running) jobs.begin('turns', id, `${worker}#${number}:1`);
  const freed: string[] = [];
  let fenced = false;
  let lostWork = 0;
  const lease = createLease({
    redis,
    worker,
    boot: number,
    times,
    ...(disk ? { disk } : {}),
    running: jobs,
    log,
    listener: {
      recover: async (queue) => void freed.push(queue),
      onStranded: async () => undefined,
      onLostWork: () => (lostWork += 1),
      onMemory: () => undefined,
      onFenced: () => (fenced = true),
    },
  });
  return { ...lease, boot: number, freed, jobs, isFenced: () => fenced, lostWork: () => lostWork };
}

const takeJob = async (
  redis: Redis,
  id: string,
  owner: string,
  processedOn = Date.now(),
): Promise<void> => {
  await redis.rpush(keys.active('turns'), id);
  await redis.hset(keys.job('turns', id), 'pb', owner, 'processedOn', processedOn);
  await redis.set(keys.jobLock('turns', id), 'token');
};
const stalled = (redis: Redis): Promise<string[]> => redis.smembers(`${prefix}:turns:stalled`);

test('a renewal that waits for the disk while the worker stops does not bring it back', async () => {
  await withRedis(async (redis) => {
    const marked = Promise.withResolvers<string>();
    const lease = await boot(redis, 'vm', [], {
      since: 1,
      freshMs: 1000,
      renew: () => marked.promise,
      strangerAmong: async () => undefined,
    });
    const renewing = lease.renew();
    await lease.stop();
    marked.resolve('a mark');
    await renewing;
    expect(await redis.exists(keys.heartbeat, keys.lease('vm'))).toBe(0);
  });
});

test('an old boot that ends after the new one has begun takes neither its lease nor its sign of life, and says nothing', async () => {
  await withRedis(async (redis) => {
    const listener = redis.duplicate();
    const said: string[] = [];
    listener.on('message', (_channel, text: string) => said.push(text));
    await listener.subscribe(keys.control);
    const first = await boot(redis, 'vm');
    await first.renew();
    const second = await boot(redis, 'vm');
    await second.renew();
    await first.stop();
    expect(await redis.get(keys.heartbeat)).toBe(`vm#${second.boot}`);
    expect(await redis.get(keys.lease('vm'))).toBe(String(second.boot));
    await second.stop();
    expect(await redis.exists(keys.heartbeat, keys.lease('vm'))).toBe(0);
    await redis.publish(keys.control, 'done');
    while (!said.includes('done')) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(said.map((text) => /"kind":"(\w+)"/.exec(text)?.[1]).filter(Boolean)).toEqual([
      'awake',
      'awake',
      'asleep',
    ]);
    listener.disconnect();
  });
});

test('what a clock, set back since, has put off for longer than it was to wait is due; what waits as usual is not, nor is a schedule, unless it waits for its next attempt', async () => {
  await withRedis(async (redis) => {
    const hour = 3600_000;
    const put = async (queue: QueueName, id: string, ms: number, delay: number): Promise<void> => {
      await redis.hset(keys.job(queue, id), 'delay', delay);
      await redis.zadd(keys.delayed(queue), (Date.now() + ms) * 0x1000, id);
    };
    for (const queue of ['turns', 'deliveries'] as const) {
      await put(queue, 'usual', 600_000, 600_000);
      await put(queue, 'lost', 2 * hour, 5000);
      await put(queue, 'long', 30 * hour, 30 * hour);
      await put(queue, 'behind', 30_000, 5000);
    }
    await put('schedules', 'dated', 2 * hour, hour / 2);
    await put('schedules', 'failed', 2 * hour, 4000);
    await put('schedules', 'pausing', 30_000, 4000);
    for (const id of ['failed', 'pausing']) await redis.hset(keys.job('schedules', id), 'atm', 3);
    await redis.zadd(keys.delayed('turns'), (Date.now() + hour) * 0x1000, 'no hash');
    await redis.set(keys.job('turns', 'no hash'), 'x');
    const own = await boot(redis, 'vm');
    await own.renew();
    const dueIn = async (queue: QueueName): Promise<string[]> =>
      await redis.zrangebyscore(keys.delayed(queue), '-inf', Date.now() * 0x1000);
    expect(await dueIn('turns')).toEqual(['lost']);
    expect(await dueIn('deliveries')).toEqual(['lost']);
    expect(await dueIn('schedules')).toEqual(['failed']);
  });
});

test('an active job that is no hash stops no renewal, and is reported for recovery', async () => {
  await withRedis(async (redis) => {
    await redis.rpush(keys.active('turns'), 'strange');
    await redis.set(keys.job('turns', 'strange'), 'x');
    const own = await boot(redis, 'vm', ['strange']);
    await own.renew();
    expect(own.freed).toEqual(['turns']);
    await redis.rpush(keys.active('turns'), 'other');
    await redis.hset(keys.job('turns', 'other'), 'pb', 'gone#1');
    await own.renew();
    expect(await stalled(redis)).toEqual(['other']);
  });
});

test('an old boot is fenced off by the next one, and renews nothing', async () => {
  await withRedis(async (redis) => {
    const first = await boot(redis, 'vm');
    await first.renew();
    await boot(redis, 'vm');
    await redis.del(keys.heartbeat);
    await first.renew();
    expect(first.isFenced()).toBe(true);
    expect(await redis.exists(keys.heartbeat)).toBe(0);
    await first.stop();
    expect(await redis.get(keys.lease('vm'))).toBe(String(first.boot));
  });
});

test('the jobs of an earlier boot and of a worker without a lease are taken back; those of a living one and one’s own are not', async () => {
  await withRedis(async (redis) => {
    const other = await boot(redis, 'other');
    await other.renew();
    const earlier = await boot(redis, 'vm');
    const own = await boot(redis, 'vm', ['own']);
    for (const [id, owner] of [
      ['earlier', `vm#${earlier.boot}`],
      ['living', `other#${other.boot}`],
      ['gone', 'third#4'],
      ['own', `vm#${own.boot}`],
      ['on its way', `vm#${own.boot}`],
    ] as const)
      await takeJob(redis, id, owner);
    const longAgo = Date.now() - 60_000;
    await takeJob(redis, 'never arrived', `vm#${own.boot}`, longAgo);
    await takeJob(redis, 'left', `vm#${own.boot}`, longAgo);
    await redis.del(keys.jobLock('turns', 'left'));
    await own.renew();
    // Its reply may be here without having been read yet.
    expect((await stalled(redis)).toSorted()).toEqual(['earlier', 'gone', 'left']);
    await own.renew();
    expect((await stalled(redis)).toSorted()).toEqual(['earlier', 'gone', 'left', 'never arrived']);
    expect(own.freed).toEqual(['turns', 'turns']);
    expect(await redis.exists(keys.jobLock('turns', 'earlier'))).toBe(0);
    expect(await redis.exists(keys.jobLock('turns', 'own'))).toBe(1);
  });
});

test('a job whose reply was read late is not taken back, nor one that was fetched again between two renewals', async () => {
  await withRedis(async (redis) => {
    const own = await boot(redis, 'vm');
    const longAgo = Date.now() - 60_000;
    for (const id of ['late', 'again']) await takeJob(redis, id, `vm#${own.boot}`, longAgo);
    await own.renew();
    own.jobs.begin('turns', 'late', 'token');
    await redis.hset(keys.job('turns', 'again'), 'processedOn', longAgo + 1000);
    await own.renew();
    expect([await stalled(redis), own.freed]).toEqual([[], []]);
  });
});

test('a run that begins after its job was taken back ends, and does not take the lock again', async () => {
  await withRedis(async (redis) => {
    const own = await boot(redis, 'vm');
    await takeJob(redis, 'late', `vm#${own.boot}`, Date.now() - 60_000);
    await own.renew();
    await own.renew();
    const run = own.jobs.begin('turns', 'late', 'token');
    await own.renew();
    expect(run.signal.aborted).toBe(true);
    expect(await redis.exists(keys.jobLock('turns', 'late'))).toBe(0);
    expect(await stalled(redis)).toEqual(['late']);
  });
});

test('while a worker lives no wake is under way, also not one that a restored copy brings back', async () => {
  await withRedis(async (redis) => {
    const worker = await boot(redis, 'vm');
    await worker.renew();
    await redis.mset(keys.waking, Date.now() - 3600_000, keys.vm, 'asleep');
    await worker.renew();
    expect(await redis.exists(keys.waking, keys.vm)).toBe(0);
  });
});

test('jobs that wait get the marker that wakes BullMQ, should a connection have swallowed it', async () => {
  await withRedis(async (redis) => {
    const own = await boot(redis, 'vm');
    await own.renew();
    const marker = `${prefix}:turns:marker`;
    await redis.del(marker);
    await own.renew();
    expect(await redis.exists(marker)).toBe(0);
    await redis.rpush(`${prefix}:turns:wait`, 'x');
    await own.renew();
    expect(await redis.exists(marker)).toBe(1);
  });
});

test('a boot has a higher number than the one before, also after Redis came back as it was earlier', async () => {
  await withRedis(async (redis) => {
    const first = await countBoot(redis, 'vm');
    expect(await countBoot(redis, 'vm')).toBeGreaterThan(first);
    await redis.set(keys.boots('vm'), '3');
    expect(await countBoot(redis, 'vm')).toBeGreaterThanOrEqual(first);
    await redis.set(keys.boots('vm'), 'garbage');
    expect(await countBoot(redis, 'vm')).toBeGreaterThanOrEqual(first);
  });
});

test('a living worker learns of the work that a dead one has left, and of no other', async () => {
  await withRedis(async (redis) => {
    const living = await boot(redis, 'vm');
    const other = await boot(redis, 'other');
    await other.renew();
    const background = createBackground(redis);
    const work = { conversation: '+15551230001', session: 's', owner: other.owner, tasks: [] };
    const task = { id: 'a', description: 'a', request: 'a', startedAt: 1 };
    await background.note({ ...work, tasks: [task] });
    await background.note({ ...work, session: 'own', owner: living.owner, tasks: [task] });
    await living.renew();
    expect(living.lostWork()).toBe(0);
    await redis.del(keys.lease('other'));
    await living.renew();
    await living.renew();
    expect(living.lostWork()).toBe(2);
    await background.remove(work);
    await living.renew();
    expect(living.lostWork()).toBe(2);
  });
});
