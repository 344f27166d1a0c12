import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { Queue } from 'bullmq';
import { describe, expect, test } from 'vitest';
import { FencedError } from '../../shared/store/boxes/inbox.ts';
import { keys, prefix } from '../../shared/store/redis/keys.ts';
import { createLog } from '../../shared/runtime/log.ts';
import type { ChatTools } from '../../worker/agent/agent.ts';
import { isTakenAway } from '../../worker/agent/claude/turn.ts';
import { haltProcesses } from '../../worker/agent/sandbox/ending.ts';
import { createLease } from '../../worker/process/lease.ts';
import type { Lease } from '../../worker/process/lease.ts';
import { createQueueWorker } from '../../worker/process/queue-worker.ts';
import { createRunningJobs } from '../../worker/process/running-jobs.ts';
import type { JobRun, RunningJobs } from '../../worker/process/running-jobs.ts';
import { watchThaw } from '../../worker/process/thaw.ts';
import { gateTools } from '../../worker/tools/tool-gate.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import { phone, withPipeline } from '../support/pipeline.ts';
import { withRedis } from '../support/redis.ts';
import { until } from '../support/until.ts';

const log = createLog('test', 'silent');

/** BullMQ's tokens hold no equals sign. */
const tokenOf = (id: string): string => `token-${id.replaceAll('=', '.')}:1`;

/** A job as BullMQ keeps one that a worker works: active, named by its boot, with a lock. */
async function beginJob(
  redis: Redis,
  running: RunningJobs,
  id: string,
  { lock, by = 'w#1', isActive = true }: { lock?: string; by?: string; isActive?: boolean } = {},
): Promise<JobRun> {
  await redis.hset(keys.job('turns', id), 'pb', by, 'processedOn', Date.now());
  if (isActive) await redis.lpush(keys.active('turns'), id);
  if (lock !== undefined) await redis.set(keys.jobLock('turns', id), lock);
  return running.begin('turns', id, tokenOf(id));
}

function openLease(redis: Redis, running: RunningJobs, onFenced = (): void => undefined): Lease {
  return createLease({
    redis,
    worker: 'w',
    boot: 1,
    times: { renewMs: 20_000, holdMs: 60_000 },
    running,
    log,
    listener: {
      recover: async () => undefined,
      onStranded: async () => undefined,
      onLostWork: () => undefined,
      onMemory: () => undefined,
      onFenced,
    },
  });
}

describe('the renewal of the lease', () => {
  test('ends what another worker has now, and nothing else', async () => {
    await withRedis(async (redis) => {
      const running = createRunningJobs();
      await redis.set(keys.lease('other'), '7');
      const ours = await beginJob(redis, running, 'ours', { lock: tokenOf('ours') });
      const taken = await beginJob(redis, running, 'taken', { lock: 'of another', by: 'other#7' });
      const freed = await beginJob(redis, running, 'freed', { isActive: false });
      const begun = await beginJob(redis, running, 'begun', { by: 'other#7' });
      // An id may hold what a name is made of.
      const odd = await beginJob(redis, running, 'schedule-1=2:x', {
        lock: tokenOf('schedule-1=2:x'),
      });
      await openLease(redis, running).renew();
      expect([ours, taken, freed, begun, odd].map(({ signal }) => signal.aborted)).toEqual([
        false,
        true,
        true,
        true,
        false,
      ]);
      expect(taken.signal.reason).toBeInstanceOf(FencedError);
      expect(await redis.get(keys.jobLock('turns', 'taken'))).toBe('of another');
      expect(
        await redis.exists(keys.jobLock('turns', 'freed'), keys.jobLock('turns', 'begun')),
      ).toBe(0);
    });
  });

  test('takes a lock again that ran out while nobody else was there', async () => {
    await withRedis(async (redis) => {
      const running = createRunningJobs();
      const run = await beginJob(redis, running, 'late');
      await redis.sadd(keys.stalled('turns'), 'late');
      await openLease(redis, running).renew();
      expect(run.signal.aborted).toBe(false);
      expect(await redis.get(keys.jobLock('turns', 'late'))).toBe(tokenOf('late'));
      expect(await redis.pttl(keys.jobLock('turns', 'late'))).toBeGreaterThan(0);
      expect(await redis.smembers(keys.stalled('turns'))).toEqual([]);
    });
  });

  test('ends everything when a newer boot of the same worker has taken over', async () => {
    await withRedis(async (redis) => {
      const running = createRunningJobs();
      const run = await beginJob(redis, running, 'ours', { lock: tokenOf('ours') });
      await redis.set(keys.boots('w'), 2);
      let fenced = 0;
      await openLease(redis, running, () => void (fenced += 1)).renew();
      expect([run.signal.aborted, fenced]).toEqual([true, 1]);
    });
  });
});

test('a turn whose lock is another’s ends at the next renewal, and changes nothing any more', async () => {
  await withPipeline({}, async ({ startWorker, say, redis, replies }) => {
    const ended = Promise.withResolvers<unknown>();
    const begun = Promise.withResolvers<string>();
    await startWorker({
      answer: (_text, turn) => {
        turn.signal.addEventListener('abort', () => ended.resolve(turn.signal.reason));
        begun.resolve(turn.id);
        return new Promise(() => undefined);
      },
    });
    const id = await say('work');
    const turn = await begun.promise;
    await redis.set(keys.jobLock('turns', turn), 'of another', 'PX', 600_000);
    expect(await ended.promise).toBeInstanceOf(FencedError);
    expect(await redis.hgetall(keys.attempts(phone))).toMatchObject({ [id]: '1' });
    expect([await redis.llen(keys.inbox(phone)), replies()]).toEqual([1, []]);
  });
});

test('a job that is fenced is never marked as failed: it goes on at once if nobody else has it', async () => {
  await withRedis(async (redis) => {
    const queue = new Queue('turns', { connection: redis, prefix });
    const runs: string[] = [];
    const asked = Promise.withResolvers<undefined>();
    const worker = createQueueWorker({
      name: 'turns',
      redis,
      owner: 'w#1',
      concurrency: 1,
      process: async ({ id = '' }) => {
        runs.push(id);
        if (id === 'taken') await redis.set(keys.jobLock('turns', id), 'of another');
        if (id === 'taken' || runs.length === 1) throw new FencedError('another worker has this');
      },
      running: createRunningJobs(),
      onLockLost: () => asked.resolve(undefined),
      log,
    });
    try {
      await queue.add('turns', {}, { jobId: 'own' });
      await queue.add('turns', {}, { jobId: 'taken' });
      worker.once('failed', () => asked.resolve(undefined));
      void worker.run();
      await asked.promise;
      expect(runs).toEqual(['own', 'own', 'taken']);
      expect(await queue.getJobCounts('completed', 'failed', 'active')).toEqual({
        completed: 1,
        failed: 0,
        active: 1,
      });
    } finally {
      await worker.close(true);
      await queue.close();
    }
  });
});

describe('after a halt of the process', () => {
  const open = (longestMs = 1000) => {
    const done: string[] = [];
    const asked = Promise.withResolvers<undefined>();
    const times = [0, 0];
    const pause = async () => {
      done.push('pause');
      return () => void done.push('resume');
    };
    const ask = async (): Promise<void> => {
      done.push('ask');
      await asked.promise;
    };
    return {
      done,
      asked,
      times,
      thaw: watchThaw({
        longestMs,
        pause,
        ask,
        clocks: [() => times[0] ?? 0, () => times[1] ?? 0],
        log,
      }),
    };
  };

  for (const clock of [0, 1]) {
    test(`that clock ${clock} has seen, everything is paused before it is asked what was lost, and goes on after the answer`, async () => {
      const { done, asked, times, thaw } = open();
      times[clock] = 900;
      await thaw.settled();
      expect(done).toEqual([]);
      times[clock] = 2000;
      const first = thaw.settled();
      const second = thaw.settled();
      await until('it is asked', () => done.length === 2);
      expect(done).toEqual(['pause', 'ask']);
      asked.resolve(undefined);
      await Promise.all([first, second]);
      expect(done).toEqual(['pause', 'ask', 'resume']);
      thaw.stop();
    });
  }

  test('it is seen without any call', async () => {
    const { done, asked, times, thaw } = open(50);
    times[0] = 5000;
    asked.resolve(undefined);
    await until('it was seen', () => done.length === 3);
    expect(done).toEqual(['pause', 'ask', 'resume']);
    thaw.stop();
  });

  test('no tool begins before it is known what was lost, and none that asks begins when it was the turn', async () => {
    const settled = Promise.withResolvers<undefined>();
    const control = new AbortController();
    const calls: string[] = [];
    const names = [
      'sendFile',
      'sendMessage',
      'scheduleTurn',
      'listSchedules',
      'cancelSchedule',
      'ask',
      'approve',
      'decidePlan',
      'mayGoOn',
    ] as const;
    const bare = Object.fromEntries(
      names.map((name) => [name, async () => void calls.push(name)]),
    ) as unknown as ChatTools;
    const tools = gateTools(bare, () => settled.promise, control.signal) as unknown as Record<
      string,
      (...args: unknown[]) => Promise<unknown>
    >;
    const outcomes = Promise.allSettled(names.map((name) => tools[name]?.({}, control.signal)));
    await new Promise((resolve) => setImmediate(resolve));
    expect(calls).toEqual([]);
    control.abort(new FencedError('another worker has this job'));
    settled.resolve(undefined);
    expect((await outcomes).map(({ status }) => status)).toEqual([
      ...names.slice(0, 5).map(() => 'fulfilled'),
      ...names.slice(5).map(() => 'rejected'),
    ]);
    expect(calls).toEqual(names.slice(0, 5));
    expect(isTakenAway(control.signal)).toBe(true);
    expect(isTakenAway(AbortSignal.abort(new Error('the person said stop')))).toBe(false);
  });

  test.skipIf(process.platform !== 'linux')(
    'processes stand still until they may go on',
    async () => {
      const child = spawn('sleep', ['60'], { stdio: 'ignore' });
      const state = (): string =>
        readFileSync(`/proc/${child.pid}/stat`, 'latin1').split(') ')[1]?.[0] ?? '';
      try {
        await until('it runs', () => state() === 'S');
        const resume = await haltProcesses((table) => table.filter(({ pid }) => pid === child.pid));
        await until('it stands still', () => state() === 'T');
        resume();
        expect(await until('it goes on', () => state() === 'S' && 'S')).toBe('S');
      } finally {
        child.kill('SIGKILL');
      }
    },
  );
});
