import { setTimeout as sleep } from 'node:timers/promises';
import type { Faults } from '../twilio/faults.ts';
import type { FleetTroubles } from './fleet-troubles.ts';
import type { Member } from './member.ts';
import type { Moments } from './moments.ts';
import type { KillKind, PlannedKill } from './plan.ts';
import type { RedisTroubles } from './redis-troubles.ts';
import { hangNextPost } from './twilio-troubles.ts';

export type Victims = {
  relays: Member[];
  redis: Member;
  workers: Member[];
  store: RedisTroubles;
  /** Present with several homes. */
  fleet: FleetTroubles | undefined;
};

/**
 * The outcome of the planned kills; `missed` are kills whose moment did not occur or whose target
 * was already down.
 */
export type KillCount = {
  done: Partial<Record<KillKind, number>>;
  missed: Partial<Record<KillKind, number>>;
};

export type KillerDeps = { victims: Victims; moments: Moments; faults: Faults; seed: number };

/** How long a kill waits for its moment (ms). */
const momentPatience = 15_000;
/** How long it waits for a snapshot (ms): most are given up for the next message. */
const tarPatience = 40_000;
/**
 * The time that the guard of a stuck event loop has (ms); the run's workers give it five ticks of a
 * second.
 */
const guardPatience = 30_000;

/**
 * Executes one planned kill, including its moment. Resolves true when a process was killed, once it
 * runs again.
 */
export async function kill(
  { victims, moments, faults, seed }: KillerDeps,
  plan: PlannedKill,
): Promise<boolean> {
  const { relays, redis, workers, store, fleet } = victims;
  const relay = relays.slice(plan.relay, plan.relay + 1);
  const { delayMs, restartMs, lengthMs } = plan;
  const chosen = plan.allWorkers ? workers : workers.slice(plan.worker, plan.worker + 1);
  const any = async (outcomes: Promise<boolean>[]): Promise<boolean> =>
    (await Promise.all(outcomes)).includes(true);
  const crash = async (members: Member[]): Promise<boolean> =>
    await any(members.map((member) => member.crash(restartMs)));
  const crashAfter = async (moment: Promise<boolean>, members: Member[]): Promise<boolean> => {
    if (!(await moment)) return false;
    if (delayMs > 0) await sleep(delayMs);
    return await crash(members);
  };
  switch (plan.kind) {
    case 'worker':
      return await crash(chosen);
    case 'relay':
      return await crash(relay);
    case 'redis':
      return await crash([redis]);
    case 'relay-accepting':
      return await crashAfter(moments.next('accepting', momentPatience), relay);
    case 'redis-accepting':
      return await crashAfter(moments.next('accepting', momentPatience), [redis]);
    case 'worker-mid-tool':
      return await crashAfter(
        moments.next(plan.claude ? 'claude-tool' : 'tool', momentPatience),
        workers,
      );
    case 'worker-last-token':
      return await crashAfter(
        moments.next(plan.claude ? 'claude-answered' : 'answered', momentPatience),
        workers,
      );
    case 'worker-posted':
      return await crashAfter(
        hangNextPost(faults, 'create-hang-after', seed, momentPatience),
        workers,
      );
    case 'worker-posting':
      return await crashAfter(
        hangNextPost(faults, 'create-hang-before', seed, momentPatience),
        workers,
      );
    case 'worker-stopping':
      return await any(chosen.map((worker) => worker.crashWhileStopping(delayMs, restartMs)));
    case 'worker-frozen':
      return await any(chosen.map((worker) => worker.freeze(lengthMs)));
    case 'relay-frozen':
      return await any(relay.map((one) => one.freeze(lengthMs)));
    case 'redis-frozen':
      return await redis.freeze(lengthMs);
    case 'worker-stuck':
      return await any(chosen.map((worker) => worker.provoke('SIGUSR2', guardPatience)));
    case 'redis-full':
      return await store.fill(lengthMs);
    case 'redis-read-only':
      return await store.demote(lengthMs);
    case 'redis-restored':
      return await store.restore(lengthMs, restartMs);
    case 'connections-cut':
      return await store.cut(lengthMs);
    case 'move':
      return (await fleet?.move(plan.phone, plan.home)) ?? false;
    case 'drain':
      return (await fleet?.drain(plan.home, lengthMs)) ?? false;
    case 'tar-killed':
      return (await fleet?.killTar(tarPatience)) ?? false;
    case 'disk-wiped':
      return (await fleet?.wipe(plan.home, restartMs)) ?? false;
    case 'home-dead':
      return (await fleet?.die(plan.home, lengthMs, plan.allWorkers)) ?? false;
    default:
      return plan.kind satisfies never;
  }
}

/** Executes the whole schedule, each kill at its own time. */
export async function killAll(
  parts: KillerDeps,
  kills: PlannedKill[],
  startedAt: number,
  signal: AbortSignal,
): Promise<KillCount> {
  const count: KillCount = { done: {}, missed: {} };
  await Promise.all(
    kills.map(async (plan) => {
      await sleep(Math.max(startedAt + plan.atMs - Date.now(), 0), undefined, { signal });
      const tally = (await kill(parts, plan)) ? count.done : count.missed;
      tally[plan.kind] = (tally[plan.kind] ?? 0) + 1;
    }),
  );
  return count;
}
