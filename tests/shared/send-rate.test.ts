import { expect, test } from 'vitest';
import { createSendRate, sendRateFor } from '../../shared/store/send-rate.ts';
import { createRandom } from '../support/random.ts';
import { withRedis } from '../support/redis.ts';

/**
 * Asks at random moments of a made-up clock, as two processes would; returns the moments at which a
 * message might go.
 */
async function sendMoments(
  seed: number,
  limit: { intervalMs: number; burst: number },
): Promise<number[]> {
  const random = createRandom(seed);
  const sent: number[] = [];
  await withRedis(async (redis) => {
    const paces = [createSendRate(redis, limit), createSendRate(redis, limit)] as const;
    let now = 1_800_000_000_000;
    for (let round = 0; round < 300; round += 1) {
      const wait = await random.pick(paces).reserve('+15551230001', now);
      if (wait === 0) sent.push(now);
      // Sometimes it asks again at once, sometimes when told to, sometimes much later.
      now += random.pick([
        0,
        1,
        wait,
        wait,
        random.below(limit.intervalMs),
        random.below(limit.intervalMs * 3),
      ]);
    }
  });
  return sent;
}

test.each([
  [1, 3000, 1],
  [2, 6000, 45],
  [3, 1000, 5],
  [4, 1, 3],
])(
  'seed %i: no window has more than its burst and its share (1 in %i ms, burst %i)',
  async (seed, intervalMs, burst) => {
    const sent = await sendMoments(seed, { intervalMs, burst });
    expect(sent.length).toBeGreaterThan(burst);
    for (const [first, start] of sent.entries()) {
      for (let last = first; last < sent.length; last += 1) {
        const length = (sent[last] ?? 0) - start;
        expect(
          last - first + 1,
          `from message ${first} on, within ${length} ms`,
        ).toBeLessThanOrEqual(burst + Math.floor(length / intervalMs));
      }
    }
  },
);

test('who waits as long as told may send', async () => {
  await withRedis(async (redis) => {
    const pace = createSendRate(redis, { intervalMs: 3000, burst: 2 });
    let now = 1_800_000_000_000;
    expect([
      await pace.reserve('+15551230001', now),
      await pace.reserve('+15551230001', now),
    ]).toEqual([0, 0]);
    for (let round = 0; round < 5; round += 1) {
      const wait = await pace.reserve('+15551230001', now);
      expect(wait).toBe(3000);
      now += wait - 1;
      expect(await pace.reserve('+15551230001', now)).toBe(1);
      now += 1;
      expect(await pace.reserve('+15551230001', now)).toBe(0);
    }
  });
});

test("one number's pace does not slow another's, and asking costs nothing", async () => {
  await withRedis(async (redis) => {
    const pace = createSendRate(redis, { intervalMs: 3000, burst: 1 });
    const now = 1_800_000_000_000;
    expect(await pace.reserve('+15551230001', now)).toBe(0);
    for (let round = 0; round < 10; round += 1)
      expect(await pace.reserve('+15551230001', now)).toBe(3000);
    expect(await pace.reserve('+15551230002', now)).toBe(0);
  });
});

test('after a burst of 45 one message is free again each 6 s, so that ten go at once after a minute', async () => {
  await withRedis(async (redis) => {
    const pace = createSendRate(redis, sendRateFor('+15550100000'));
    const now = 1_800_000_000_000;
    const goAt = async (time: number): Promise<number> => {
      let count = 0;
      while ((await pace.reserve('+15551230001', time)) === 0) count += 1;
      return count;
    };
    expect([await goAt(now), await goAt(now + 6000), await goAt(now + 66_000)]).toEqual([
      45, 1, 10,
    ]);
  });
});

test("the sandbox's number has the sandbox's limit, any other WhatsApp's", () => {
  expect(sendRateFor('+14155238886')).toEqual({ intervalMs: 3000, burst: 1 });
  expect(sendRateFor('+15550100000')).toEqual({ intervalMs: 6000, burst: 45 });
  expect(sendRateFor('+14155238886', { PACE_SECONDS: 0.5, PACE_BURST: 7 })).toEqual({
    intervalMs: 500,
    burst: 7,
  });
});
