import { expect, test } from 'vitest';
import { createLinks, isLinkToken, linkMs } from '../../shared/store/links/links.ts';
import type { Links } from '../../shared/store/links/links.ts';
import { createSealedSecrets } from '../../shared/store/links/sealed.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import { dumpRedis } from '../support/redis-dump.ts';
import { withRedis } from '../support/redis.ts';

const [ann, bob] = ['+15551230001', '+15551230002'];
const link = { purpose: 'secret', person: ann, object: 'TOKEN', detail: '{}', uses: 1 } as const;

async function withLinks(
  use: (links: Links, clock: { now: number }, redis: Redis) => Promise<void>,
): Promise<void> {
  await withRedis(async (redis) => {
    const clock = { now: Date.now() };
    await use(
      createLinks(redis, () => clock.now),
      clock,
      redis,
    );
  });
}

test('a token is 128 bits that end in a letter, and Redis knows neither it nor the cookie that used it', async () => {
  await withLinks(async (links, _clock, redis) => {
    const { token } = await links.add(link);
    expect(token).toMatch(/^[\w-]{21}[AQgw]$/);
    expect(await links.use(token, 'a cookie')).toBe('ok');
    const dump = JSON.stringify(await dumpRedis(redis));
    expect(dump).toContain('TOKEN');
    expect(dump).not.toContain(token);
    expect(dump).not.toContain('a cookie');
    expect((await links.add(link)).token).not.toBe(token);
  });
});

test('looking changes nothing; one browser uses a link, and may repeat that', async () => {
  await withLinks(async (links, clock, redis) => {
    const { token, expires } = await links.add(link);
    const before = await dumpRedis(redis);
    for (let look = 0; look < 5; look += 1)
      expect(await links.find(token)).toMatchObject({ ...link, expires, isOpen: true });
    await links.list(ann);
    expect(await dumpRedis(redis)).toEqual(before);
    expect(await links.use(token, 'mine')).toBe('ok');
    expect(await links.use(token, 'mine')).toBe('ok');
    expect(await links.use(token, 'yours')).toBe('used');
    const used = await links.find(token);
    expect([used?.isOpen, used?.isUsedBy('mine'), used?.isUsedBy('yours')]).toEqual([
      false,
      true,
      false,
    ]);
    clock.now += linkMs + 1;
    expect(await links.use(token, 'mine')).toBe('ok');
  });
});

test('a link with more uses serves as many browsers', async () => {
  await withLinks(async (links) => {
    const { token } = await links.add({ ...link, uses: 2 });
    const used = [];
    for (const cookie of ['a', 'a', 'b', 'c']) used.push(await links.use(token, cookie));
    expect(used).toEqual(['ok', 'ok', 'ok', 'used']);
  });
});

test('after a quarter of an hour a link is over, and everything about it leaves Redis by itself', async () => {
  await withLinks(async (links, clock, redis) => {
    const { token } = await links.add(link);
    clock.now += linkMs - 1;
    expect((await links.find(token))?.isOpen).toBe(true);
    clock.now += 1;
    expect((await links.find(token))?.isOpen).toBe(false);
    expect(await links.use(token, 'a')).toBe('over');
    expect(await links.list(ann)).toEqual([]);
    await createSealedSecrets(redis).put('0', { person: ann, name: 'TOKEN', box: 'x' });
    await createSealedSecrets(redis).empty('0');
    const lifetimes: number[] = [];
    for (const key of await redis.keys('*')) lifetimes.push(await redis.pttl(key));
    expect(lifetimes).toHaveLength(3);
    expect(lifetimes.every((ms) => ms > 0 && ms <= 3600_000)).toBe(true);
  });
});

test('a token that differs in any sign opens nothing, nor does one whose digest begins alike', async () => {
  await withLinks(async (links, _clock, redis) => {
    const { token } = await links.add(link);
    for (const wrong of ['', 'x', token.slice(1), `${token}A`, token.replace(/^./, 'é')])
      expect(isLinkToken(wrong)).toBe(false);
    const other = `${token.startsWith('A') ? 'B' : 'A'}${token.slice(1)}`;
    expect(await links.find(other)).toBeUndefined();
    expect(await links.use(other, 'a')).toBe('over');
    const [found] = await links.list(ann);
    await redis.hset(keys.link(found?.id ?? ''), 'digest', 'f'.repeat(64));
    expect(await links.find(token)).toBeUndefined();
    expect(await links.use(token, 'a')).toBe('over');
  });
});

test('a person’s links are listed and revoked, one or all, and never another person’s', async () => {
  await withLinks(async (links, clock) => {
    const first = await links.add(link);
    clock.now += 1;
    const second = await links.add({ ...link, object: 'KEY' });
    const theirs = await links.add({ ...link, person: bob });
    const listed = await links.list(ann);
    expect(listed.map(({ object }) => object)).toEqual(['TOKEN', 'KEY']);
    expect(await links.revoke(bob, [listed[0]?.id ?? ''])).toBe(0);
    expect(await links.revoke(ann, [listed[0]?.id ?? ''])).toBe(1);
    expect(await links.use(first.token, 'a')).toBe('over');
    expect(await links.use(second.token, 'a')).toBe('ok');
    expect(await links.revoke(ann)).toBe(1);
    // A used one is gone as well: its browser can do nothing with it any more.
    expect(await links.use(second.token, 'a')).toBe('over');
    expect(await links.use(theirs.token, 'a')).toBe('ok');
  });
});

test('a live page is opened within a day, by one browser, which may look at it for the retention', async () => {
  await withLinks(async (links, clock, redis) => {
    const watch = { ...link, purpose: 'watch' as const };
    const [{ token }, late] = [await links.add(watch), await links.add(watch)];
    const open = await links.add(link);
    clock.now += 23 * 3600_000;
    expect(await links.use(token, 'mine')).toBe('ok');
    expect(await links.use(token, 'yours')).toBe('used');
    expect((await links.list(ann)).map(({ isFollowed }) => isFollowed).toSorted()).toEqual([
      false,
      true,
    ]);
    clock.now += 2 * 3600_000;
    expect(await links.use(late.token, 'mine')).toBe('over');
    expect((await links.find(token))?.isUsedBy('mine')).toBe(true);
    expect((await links.list(ann)).map(({ isFollowed }) => isFollowed)).toEqual([true]);
    expect(await links.find(open.token)).toMatchObject({ isOpen: false });
    const [days = 0] = [(await redis.pttl(keys.link((await links.find(token))?.id ?? ''))) / 864e5];
    expect(days).toBeGreaterThan(29);
    // The pages of many turns leave a link for a secret alone.
    const secret = await links.add(link);
    for (let count = 0; count < 25; count += 1) await links.add(watch);
    expect((await links.find(secret.token))?.isOpen).toBe(true);
    expect(await links.find(token)).toBeUndefined();
    expect(await links.revoke(ann)).toBe(21);
  });
});

test('a person has twenty links; the oldest makes room', async () => {
  await withLinks(async (links, clock) => {
    const tokens = [];
    for (let count = 0; count < 22; count += 1) {
      clock.now += 1;
      tokens.push((await links.add(link)).token);
    }
    expect(await links.list(ann)).toHaveLength(20);
    expect(await links.find(tokens[1] ?? '')).toBeUndefined();
    expect(await links.find(tokens[2] ?? '')).toBeDefined();
  });
});
