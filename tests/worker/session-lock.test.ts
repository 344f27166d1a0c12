import { expect, test } from 'vitest';
import { listenToControl } from '../../shared/store/redis/pubsub.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import { createLog } from '../../shared/runtime/log.ts';
import { createSessionLock } from '../../worker/process/session-lock.ts';
import { phone, withPipeline } from '../support/pipeline.ts';
import type { Pipeline } from '../support/pipeline.ts';

const log = createLog('test', 'silent');

/** A worker's claims with a lease that holds; it notes what it was asked to let go. */
async function openClaims(
  { redis }: Pipeline,
  worker: string,
): Promise<{
  claim: () => Promise<void>;
  claimIfFree: () => Promise<boolean>;
  released: string[];
  stop: () => Promise<void>;
}> {
  const released: string[] = [];
  await redis.set(keys.lease(worker), '1');
  const claims = createSessionLock(
    redis,
    `${worker}#1`,
    async (conversation) => void released.push(conversation),
    log,
  );
  const control = await listenToControl(
    redis,
    (said) => claims.onControl(said),
    () => undefined,
  );
  return {
    claim: () => claims.claim(phone),
    claimIfFree: () => claims.claimIfFree(phone),
    released,
    stop: () => control.stop(),
  };
}

test('a worker that holds a session live closes it before another goes on with it, and what it kept from before another had it', async () => {
  await withPipeline({ relay: false }, async (pipeline) => {
    const [a, b] = await Promise.all([openClaims(pipeline, 'a'), openClaims(pipeline, 'b')]);
    await a.claim();
    await a.claim();
    expect(a.released).toEqual([]);
    await b.claim();
    expect(a.released).toEqual([phone]);
    expect(await pipeline.redis.get(keys.live(phone))).toBe('b#1');
    await a.claim();
    // Once for what it might have kept from before, and once since it was asked.
    expect(b.released).toEqual([phone, phone]);
    expect(a.released).toEqual([phone, phone]);
    await Promise.all([a.stop(), b.stop()]);
  });
});

test('what another worker has is not claimed by who only wants to make ready for it', async () => {
  await withPipeline({ relay: false }, async (pipeline) => {
    const [a, b] = await Promise.all([openClaims(pipeline, 'a'), openClaims(pipeline, 'b')]);
    expect(await a.claimIfFree()).toBe(true);
    expect(await a.claimIfFree()).toBe(true);
    expect(await b.claimIfFree()).toBe(false);
    await a.stop();
    await pipeline.redis.del(keys.lease('a'));
    expect(await b.claimIfFree()).toBe(true);
    expect([a.released, b.released]).toEqual([[], []]);
    await b.stop();
  });
});

test('a worker that is gone holds nothing', async () => {
  await withPipeline({ relay: false }, async (pipeline) => {
    const [a, b] = await Promise.all([openClaims(pipeline, 'a'), openClaims(pipeline, 'b')]);
    await a.claim();
    await a.stop();
    await pipeline.redis.del(keys.lease('a'));
    await b.claim();
    expect(await pipeline.redis.get(keys.live(phone))).toBe('b#1');
    await b.stop();
  });
});
