import { randomUUID } from 'node:crypto';
import type { Worker } from 'bullmq';
import type { Control } from '../../shared/store/redis/pubsub.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import type { Log } from '../../shared/runtime/log.ts';
import type { TurnData } from '../../shared/store/queues.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import type { VmState } from '../../shared/store/vm-state.ts';
import { createSleep } from '../../worker/process/sleep.ts';
import type { Sleep } from '../../worker/process/sleep.ts';

/** The moments around a decision to sleep at which a message may arrive. */
export const moments = [
  'before the pause',
  'in the pause',
  'with the decision',
  'after the decision',
  'at the exit',
  'after the exit',
  'while booting',
  'while working',
] as const;
export type Moment = (typeof moments)[number];

export type SleeperDeps = {
  redis: Redis;
  /** Without a processor: it takes a job only when it is asked to. */
  queue: Worker<TurnData>;
  vm: VmState;
  idleMs: number;
  now: () => number;
  /**
   * Called at each moment of each decision, counted from 0; the sleeper goes on when it settles.
   */
  at: (decision: number, moment: Moment) => Promise<void>;
  log: Log;
};

/**
 * A machine with the smallest worker that there can be: it takes real jobs of the real queue,
 * answers what is in the inbox, and decides about sleeping as the worker does.
 */
export type Sleeper = {
  /** The ids of the messages that it has answered, in order. */
  answered: string[];
  /** One call of the wake address: refused while the machine stops. */
  wake(): Promise<void>;
  isOff(): boolean;
  onControl(control: Control): void;
  stop(): void;
};

export function createSleeper({ redis, queue, vm, idleMs, now, at, log }: SleeperDeps): Sleeper {
  const answered: string[] = [];
  let machine: 'off' | 'booting' | 'on' | 'stopping' = 'off';
  let paused = false;
  let taking = false;
  /** Something has happened since the queue was last found empty. */
  let isAsked = false;
  let decision = 0;
  let sleep: Sleep | undefined;

  const workOne = async (): Promise<boolean> => {
    const token = randomUUID();
    const job = await queue.getNextJob(token, { block: false });
    if (!job) return false;
    await sleep?.during(async () => {
      await at(decision, 'while working');
      for (const raw of await redis.lrange(keys.inbox(job.data.conversation), 0, -1)) {
        answered.push(String(JSON.parse(raw).id));
        await redis.lrem(keys.inbox(job.data.conversation), 1, raw);
      }
      await job.moveToCompleted('', token, false);
    });
    return true;
  };
  const mayTake = (): boolean => machine === 'on' && !paused;
  const take = async (): Promise<void> => {
    isAsked = true;
    if (taking) return;
    taking = true;
    // Paused it finishes what it has and asks for nothing more, as BullMQ's worker does.
    while (mayTake() && isAsked) {
      isAsked = false;
      while (mayTake() && (await workOne()));
    }
    taking = false;
  };

  const boot = async (): Promise<void> => {
    machine = 'booting';
    await at(decision, 'while booting');
    await redis.set(keys.heartbeat, 'sleeper', 'PX', 60_000);
    await redis.publish(keys.control, JSON.stringify({ kind: 'awake' } satisfies Control));
    machine = 'on';
    paused = false;
    sleep = createSleep({
      idleMs,
      log,
      async pause() {
        await at(decision, 'before the pause');
        paused = true;
        await at(decision, 'in the pause');
      },
      async resume() {
        paused = false;
        void take();
      },
      async fallAsleep() {
        const [isAsleep] = await Promise.all([
          vm.fallAsleep('sleeper', now(), 0),
          at(decision, 'with the decision'),
        ]);
        await at(decision, 'after the decision');
        decision += 1;
        return isAsleep;
      },
      onAsleep: () => void exit(),
    });
    sleep.stir();
    void take();
  };
  const exit = async (): Promise<void> => {
    machine = 'stopping';
    await at(decision - 1, 'at the exit');
    machine = 'off';
    await at(decision - 1, 'after the exit');
  };

  return {
    answered,
    async wake() {
      if (machine === 'off') await boot();
    },
    isOff: () => machine === 'off',
    onControl(control) {
      if (control.kind === 'message') void take();
    },
    stop: () => sleep?.stop(),
  };
}
