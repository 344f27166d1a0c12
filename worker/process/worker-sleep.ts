import type { Worker } from 'bullmq';
import type { Log } from '../../shared/runtime/log.ts';
import type { HomeSuffix } from '../../shared/store/redis/keys.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import { createVmState } from '../../shared/store/vm-state.ts';
import type { Agent } from '../agent/agent.ts';
import type { WorkerConfig } from '../config.ts';
import type { Lease } from './lease.ts';
import { createSleep } from './sleep.ts';
import type { Sleep } from './sleep.ts';
import type { OnStranded } from './stranded.ts';
import type { Snapshots } from '../snapshots/snapshots.ts';

/**
 * The worker stays awake for a job that is due within the idle time, up to this limit (ms):
 * stopping and waking takes about as long.
 */
const longestSoonMs = 60_000;

/** What the worker does, and what stops while it looks whether it may sleep. */
export type WorkerActivity = {
  lease: Lease;
  workers: Map<string, Worker>;
  agent: Agent;
  snapshots: Snapshots | undefined;
};

export type SleepingDeps = {
  redis: Redis;
  home: HomeSuffix;
  onStranded: OnStranded;
  onAsleep: () => void;
  log: Log;
};

/** Creates the worker's sleep; undefined when it never sleeps. */
export function createWorkerSleep(
  config: WorkerConfig,
  { lease, workers, agent, snapshots }: WorkerActivity,
  { redis, home, onStranded, onAsleep, log }: SleepingDeps,
): Sleep | undefined {
  if (config.IDLE_MINUTES === undefined) return undefined;
  const vm = createVmState(redis, home);
  const idleMs = config.IDLE_MINUTES * 60_000;
  return createSleep({
    idleMs,
    onAsleep,
    log,
    isBusy: () => (agent.background?.busy() ?? []).length > 0 || snapshots?.holdsAwake() === true,
    pause: async () => {
      lease.pause();
      await Promise.all([...workers.values()].map((worker) => worker.pause(true)));
    },
    resume: async () => {
      lease.start();
      await Promise.all([...workers.values()].map((worker) => worker.resume()));
    },
    fallAsleep: () =>
      vm.fallAsleep(config.WORKER_ID, Date.now(), Math.min(idleMs, longestSoonMs), onStranded),
  });
}
