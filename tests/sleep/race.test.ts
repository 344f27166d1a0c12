import { Worker } from 'bullmq';
import { expect, test } from 'vitest';
import { listenToControl } from '../../shared/store/redis/pubsub.ts';
import { createIntake } from '../../shared/store/boxes/intake.ts';
import { keys, prefix } from '../../shared/store/redis/keys.ts';
import { createLog } from '../../shared/runtime/log.ts';
import { createTurns } from '../../shared/store/queues.ts';
import type { TurnData } from '../../shared/store/queues.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import { createVmState } from '../../shared/store/vm-state.ts';
import { createWaker } from '../../relay/wake/waker.ts';
import { createRandom } from '../support/random.ts';
import { withRedis } from '../support/redis.ts';
import { createSleeper, moments } from '../support/sleeper.ts';
import type { Moment, Sleeper } from '../support/sleeper.ts';
import { until } from '../support/until.ts';

const schedules = 300;
const log = createLog('race', 'silent');

/**
 * The messages of one schedule: at which decision and moment each arrives, and whether the sleeper
 * waits for it.
 */
type Arrival = { decision: number; moment: Moment; isWaitedFor: boolean };

function planArrivals(seed: number): Arrival[] {
  const random = createRandom(seed);
  return Array.from({ length: 1 + random.below(3) }, () => ({
    decision: random.below(2),
    moment: random.pick(moments),
    isWaitedFor: random.below(2) === 0,
  }));
}

test(
  'whenever a message arrives around the decision to sleep, it is answered once',
  { tags: 'long' },
  async () => {
    await withRedis(async (redis: Redis) => {
      // What is tried here is order; that writes reach the disk only costs time.
      await redis.config('SET', 'appendfsync', 'no');
      const turns = createTurns(redis);
      const accept = createIntake(turns);
      const vm = createVmState(redis);
      const queue = new Worker<TurnData>('turns', null, {
        connection: redis,
        prefix,
        autorun: false,
      });
      let seed = 0;
      let accepted: string[] = [];
      let arrivals: Arrival[] = [];
      let sleeper: Sleeper | undefined;
      let clock = 1_800_000_000_000;
      const send = async (): Promise<void> => {
        const id = `SM${String(seed).padStart(16, '0')}${String(accepted.length).padStart(16, '0')}`;
        accepted.push(id);
        await accept({
          id,
          conversation: '+15551230001',
          at: new Date(clock).toISOString(),
          text: 'x',
          media: [],
        });
        clock += 1;
        waker.look();
      };
      const at = async (decision: number, moment: Moment): Promise<void> => {
        const now = arrivals.filter(
          (arrival) => arrival.moment === moment && arrival.decision <= decision,
        );
        arrivals = arrivals.filter((arrival) => !now.includes(arrival));
        for (const { isWaitedFor } of now) {
          const sent = send();
          if (isWaitedFor) await sent;
        }
      };
      const waker = createWaker({
        vm,
        log,
        now: () => clock,
        times: { tellMs: 1e9, giveUpMs: 1e9, firstPauseMs: 1, lastPauseMs: 2 },
        call: async () => await sleeper?.wake(),
        begin: async (now) => now,
        end: async () => undefined,
        tellWaking: () => undefined,
        tellFailing: () => undefined,
      });
      const control = await listenToControl(
        redis,
        (said) => {
          sleeper?.onControl(said);
          waker.onControl(said);
        },
        () => undefined,
      );
      const met = new Map<Moment, number>();
      try {
        for (seed = 1; seed <= schedules; seed += 1) {
          arrivals = planArrivals(seed);
          const planned = arrivals;
          accepted = [];
          sleeper = createSleeper({
            redis,
            queue,
            vm,
            idleMs: 1 + (seed % 3),
            now: () => clock,
            at,
            log,
          });
          await send();
          const own = sleeper;
          await until(
            `schedule ${seed} is quiet: ${JSON.stringify(planned)}`,
            async () =>
              own.isOff() &&
              own.answered.length >= accepted.length &&
              (await redis.exists(keys.heartbeat, keys.inbox('+15551230001'))) === 0,
            60_000,
            1,
          );
          expect({ seed, answered: own.answered.toSorted() }).toEqual({
            seed,
            answered: accepted.toSorted(),
          });
          for (const arrival of planned)
            if (!arrivals.includes(arrival))
              met.set(arrival.moment, (met.get(arrival.moment) ?? 0) + 1);
          own.stop();
        }
        // Every moment was met often enough to say something.
        expect(moments.filter((moment) => (met.get(moment) ?? 0) < 15)).toEqual([]);
      } finally {
        waker.stop();
        await control.stop();
        sleeper?.stop();
        await queue.close();
        await turns.close();
      }
    });
  },
);
