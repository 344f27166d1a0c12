import { expect, test } from 'vitest';
import { createLog } from '../../shared/runtime/log.ts';
import type { HomeSnapshots } from '../../shared/store/home-snapshots.ts';
import { createHomeSnapshots } from '../../shared/store/home-snapshots.ts';
import type { Home } from '../../worker/agent/homes/home.ts';
import { createSchedule } from '../../worker/snapshots/schedule.ts';
import type { Schedule, ScheduleTimes } from '../../worker/snapshots/schedule.ts';
import type { TakeRequest, Taken } from '../../worker/snapshots/take.ts';
import { withRedis } from '../support/redis.ts';
import { noLinux, withSnapshotBench } from '../support/snapshot-bench.ts';
import type { Disk } from '../support/snapshot-bench.ts';
import { until } from '../support/until.ts';

const phone = '+15551230001';
const other = '+15551230002';

type Bench = {
  schedule: Schedule;
  home: Home;
  disk: Disk;
  records: HomeSnapshots;
  /** The snapshots that were begun, each until it is ended. */
  begun: (TakeRequest & { end(taken: Taken): void; fail(): void })[];
  /** What the owner was told of. */
  failing: string[];
  /** A turn of the person that lasts until it is ended. */
  turn(conversation?: string, of?: Home): Promise<{ end(): void }>;
  /** Another person’s turn and snapshot, before which everything has begun that is due. */
  afterAnother(): Promise<void>;
};

const hour = 3600_000;
const calm = { quietMs: 1, apartMs: 1, overdueMs: hour, againMs: [1] };

async function withSchedule(
  times: Partial<ScheduleTimes>,
  use: (bench: Bench) => Promise<void>,
): Promise<void> {
  await withSnapshotBench(async ({ disk: makeDisk }) => {
    await withRedis(async (redis) => {
      const disk = await makeDisk('one');
      const home = await disk.home('p-1');
      const records = createHomeSnapshots(redis);
      const begun: Bench['begun'] = [];
      const failing: string[] = [];
      const schedule = createSchedule({
        take: async (request) => {
          const made = Promise.withResolvers<Taken>();
          const fail = (): void => made.reject(new Error('no room'));
          // It may have been given up before it begins.
          if (request.signal.aborted) fail();
          else request.signal.addEventListener('abort', fail);
          begun.push({ ...request, end: made.resolve, fail });
          return await made.promise;
        },
        tidy: async () => undefined,
        notes: disk.notes,
        records,
        onFailing: async (_conversation, reason) => void failing.push(reason),
        times: { ...calm, ...times },
        log: createLog('test', 'silent'),
      });
      const turn: Bench['turn'] = async (conversation = phone, of = home) => {
        const ended = Promise.withResolvers<void>();
        const entered = Promise.withResolvers<void>();
        void schedule.during(conversation, async () => {
          await schedule.enter(conversation, of);
          entered.resolve();
          await ended.promise;
        });
        await entered.promise;
        return { end: ended.resolve };
      };
      const afterAnother = async (): Promise<void> => {
        const begunBefore = begun.length;
        const of = await disk.home(`p-other-${begunBefore}`);
        (await turn(`${other}${begunBefore}`, of)).end();
        const request = await until('another person’s snapshot', () => begun[begunBefore]);
        expect(request.home.person).toBe(of.person);
        request.end(taken(request.at));
        await until('its end', () => records.last(of.person));
        begun.pop();
      };
      try {
        await use({ schedule, home, disk, records, begun, failing, turn, afterAnother });
      } finally {
        await schedule.stop();
      }
    });
  });
}

const taken = (at: number): Taken => ({
  digest: String(at),
  snapshot: { at, files: 1, bytes: 1, leftOut: '' },
});

test.skipIf(noLinux !== '')(
  `a snapshot is taken after a turn, makes way for the next one, and is noted on the disk and in Redis${noLinux}`,
  async () => {
    await withSchedule({}, async ({ schedule, begun, turn, afterAnother, disk, records }) => {
      const first = await turn();
      expect(await disk.notes.marked('p-1')).toBe(phone);
      await afterAnother();
      expect(begun).toHaveLength(0);
      first.end();
      await until('a snapshot', () => begun.length === 1);
      const second = await turn();
      expect(begun[0]?.signal.aborted).toBe(true);
      second.end();
      await until('another one', () => begun.length === 2);
      expect(schedule.holdsAwake()).toBe(true);
      begun[1]?.end(taken(begun[1].at));
      await until('the end', () => !schedule.holdsAwake());
      const at = begun[1]?.at;
      expect(await disk.notes.read('p-1')).toMatchObject({ at, digest: String(at) });
      expect(await records.last('p-1')).toMatchObject({ at });
      await until('no mark', async () => (await disk.notes.marked('p-1')) === undefined);
      // The next one is later than the last, whatever the clock says.
      await disk.notes.change('p-1', (note) => ({ ...note, at: Date.now() + hour }));
      (await turn()).end();
      await until('a third one', () => begun.length === 3);
      expect(begun[2]?.at).toBeGreaterThan(Date.now() + hour);
      expect(begun[2]?.digest).toBe(String(at));
    });
  },
);

test.skipIf(noLinux !== '')(
  `two snapshots of a person are minutes apart, unless the worker is about to sleep; three failures let it sleep, and the owner hears of it once${noLinux}`,
  async () => {
    await withSchedule({ apartMs: hour }, async (bench) => {
      const { schedule, begun, failing, turn, records } = bench;
      (await turn()).end();
      await until('a snapshot', () => begun.length === 1);
      begun[0]?.end(taken(begun[0].at));
      await until('its note', () => records.last('p-1'));
      (await turn()).end();
      await bench.afterAnother();
      expect(begun).toHaveLength(1);
      expect(schedule.holdsAwake()).toBe(true);
      for (let failures = 1; failures <= 3; failures += 1) {
        await until('an attempt', () => begun.length === 1 + failures);
        expect(schedule.holdsAwake()).toBe(true);
        begun.at(-1)?.fail();
      }
      await until('sleep', () => !schedule.holdsAwake());
      await until('the word', () => failing.length === 1);
      // It goes on trying, and says nothing more until one succeeds.
      await until('a fourth attempt', () => begun.length === 5);
      begun[4]?.fail();
      await until('a fifth attempt', () => begun.length === 6);
      expect(failing).toEqual(['no room']);
      begun[5]?.end(taken(begun[5].at));
      await until('its note', async () => (await records.last('p-1'))?.at === begun[5]?.at);
      expect(await records.noteFailing('p-1', new Date())).toBe(true);
    });
  },
);

test.skipIf(noLinux !== '')(
  `a home that was long without a snapshot gets one beside the work, and another after it; a crash before it is made good${noLinux}`,
  async () => {
    await withSchedule({ overdueMs: 1 }, async ({ schedule, home, begun, turn, disk }) => {
      const one = await turn();
      await until('a snapshot beside the work', () => begun.length === 1);
      const two = await turn(other);
      expect(schedule.isSharedNow(phone, home)).toBe(true);
      expect(begun[0]?.signal.aborted).toBe(false);
      begun[0]?.end(taken(begun[0].at));
      await until('the next', () => begun.length === 2);
      expect(await disk.notes.marked('p-1')).toBe(phone);
      one.end();
      two.end();
      expect(begun).toHaveLength(2);
      await schedule.stop();
      expect(await disk.notes.marked('p-1')).toBe(phone);
    });
    await withSchedule({}, async ({ schedule, home, begun, disk }) => {
      await disk.notes.mark('p-1', phone);
      await schedule.recover([home]);
      await until('the snapshot of the earlier boot’s work', () => begun.length === 1);
    });
  },
);

test.skipIf(noLinux !== '')(
  `two people who move at the same time are saved one after the other, before anything else${noLinux}`,
  async () => {
    await withSchedule({}, async ({ schedule, home, begun, disk, turn }) => {
      const begunFor = (person: string) => begun.find((one) => one.home.person === person);
      (await turn(other, await disk.home('p-2'))).end();
      await until('a snapshot of another person', () => begunFor('p-2'));
      const first = schedule.saveNow(home);
      const one = await until('the first', () => begunFor('p-1'));
      expect(begunFor('p-2')?.signal.aborted).toBe(true);
      const both = Promise.allSettled([first, schedule.saveNow(await disk.home('p-3'))]);
      expect(one.signal.aborted).toBe(false);
      one.end(taken(one.at));
      const two = await until('the second', () => begunFor('p-3'));
      two.end(taken(two.at));
      expect(await both).toMatchObject([{ value: one.at }, { value: two.at }]);
    });
  },
);
