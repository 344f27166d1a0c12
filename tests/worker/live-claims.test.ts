import { expect, test } from 'vitest';
import { listenToControl } from '../../shared/control.ts';
import { keys } from '../../shared/keys.ts';
import { createLog } from '../../shared/log.ts';
import { createLiveClaims } from '../../worker/live-claims.ts';
import { phone, withPipeline } from '../support/pipeline.ts';
import type { Pipeline } from '../support/pipeline.ts';

const log = createLog('test', 'silent');

/** A worker's claims with a lease that holds; it notes what it was asked to let go. */
async function openClaims({ redis }: Pipeline, worker: string): Promise<{ claim: () => Promise<void>; released: string[]; stop: () => Promise<void> }> {
  const released: string[] = [];
  await redis.set(keys.lease(worker), '1');
  const claims = createLiveClaims(redis, `${worker}#1`, async (conversation) => void released.push(conversation), log);
  const control = await listenToControl(redis, (said) => claims.onControl(said), () => undefined);
  return { claim: () => claims.claim(phone), released, stop: () => control.stop() };
}

test('a worker that holds a session live closes it before another goes on with it', async () => {
  await withPipeline({ relay: false }, async (pipeline) => {
    const [a, b] = await Promise.all([openClaims(pipeline, 'a'), openClaims(pipeline, 'b')]);
    await a.claim();
    await a.claim();
    expect(a.released).toEqual([]);
    await b.claim();
    expect(a.released).toEqual([phone]);
    expect(await pipeline.redis.get(keys.live(phone))).toBe('b#1');
    await a.claim();
    expect(b.released).toEqual([phone]);
    await Promise.all([a.stop(), b.stop()]);
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
