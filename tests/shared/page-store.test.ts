import { expect, test } from 'vitest';
import { keys } from '../../shared/store/redis/keys.ts';
import { pageId, readPageAddress, signPageAddress } from '../../shared/store/page-address.ts';
import { createPageStore } from '../../shared/store/pages.ts';
import { withRedis } from '../support/redis.ts';

const day = 24 * 3600 * 1000;

test('a page comes back as it was put, with when it was written and until when it is kept', async () => {
  await withRedis(async (redis) => {
    let now = 1_800_000_000_500;
    const pages = createPageStore(redis, 30, undefined, () => now);
    const markdown = '# Ünïcode 👩‍🚀\n\nfrom \u0000 to \uffff';
    const token = await pages.put('answer 1', markdown);
    expect(token).toMatch(/^[\w-]{49}[A-Za-z0-9]$/);
    now += 29 * day;
    expect(await pages.find(token ?? '')).toEqual({
      markdown,
      written: new Date(1_800_000_000_500),
      expires: new Date(1_800_000_000_000 + 30 * day),
    });
    now += day;
    expect(await pages.find(token ?? '')).toBeUndefined();
  });
});

test('a link of an earlier version, whose signature is a byte shorter, still works', () => {
  const [secret, now] = [Buffer.alloc(32, 7), 1_800_000_000_000];
  const address = { id: pageId(secret, 'answer'), expires: now + day };
  const bytes = Buffer.from(signPageAddress(secret, address), 'base64url');
  expect(bytes).toHaveLength(37);
  expect(readPageAddress(secret, bytes.subarray(0, 36).toString('base64url'), now)).toEqual(
    address,
  );
  expect(readPageAddress(secret, bytes.subarray(0, 35).toString('base64url'), now)).toBeUndefined();
});

test('everything about a page leaves Redis by itself', async () => {
  await withRedis(async (redis) => {
    await createPageStore(redis, 2).put('answer', 'text');
    const [key = ''] = await redis.keys(keys.page('*'));
    const left = await redis.pttl(key);
    expect(left).toBeGreaterThan(2 * day - 120_000);
    expect(left).toBeLessThanOrEqual(2 * day);
  });
});

test('the same answer has one page, whatever comes later and whoever asks; another has another', async () => {
  await withRedis(async (redis) => {
    let now = Date.now();
    const first = await createPageStore(redis, 30, undefined, () => now).put(
      'answer 1',
      'as it was',
    );
    now += 3 * day;
    const again = createPageStore(redis, 5, { page: 400_000, total: 9 }, () => now);
    expect(await again.put('answer 1', 'something else')).toBe(first);
    expect((await again.find(first ?? ''))?.markdown).toBe('as it was');
    expect(await createPageStore(redis).put('answer 2', 'as it was')).not.toBe(first);
  });
});

test('many who put the same page at once, on a Redis that has no secret yet, get one token', async () => {
  await withRedis(async (redis) => {
    const tokens = await Promise.all(
      Array.from({ length: 20 }, () => createPageStore(redis).put('answer', 'text')),
    );
    expect(new Set(tokens).size).toBe(1);
    expect((await createPageStore(redis).find(tokens[0] ?? ''))?.markdown).toBe('text');
  });
});

test('a page that is too large, and one for which there is no room, is not kept; when an old one has expired there is room again', async () => {
  await withRedis(async (redis) => {
    let now = Date.now();
    const pages = createPageStore(redis, 30, { page: 600, total: 1000 }, () => now);
    expect(await pages.put('large', 'é'.repeat(301))).toBeUndefined();
    expect(await redis.dbsize()).toBe(0);
    expect(await pages.put('a', 'x'.repeat(600))).toBeDefined();
    const before = await redis.dbsize();
    expect(await pages.put('b', 'x'.repeat(401))).toBeUndefined();
    expect(await redis.dbsize()).toBe(before);
    expect(await pages.put('c', 'x'.repeat(400))).toBeDefined();
    expect(await pages.put('d', 'x')).toBeUndefined();
    now += 30 * day;
    expect(await pages.put('d', 'x'.repeat(600))).toBeDefined();
    expect(await pages.put('e', 'x'.repeat(401))).toBeUndefined();
  });
});

test('pages put at the same time do not exceed the cap together', async () => {
  await withRedis(async (redis) => {
    const pages = createPageStore(redis, 30, { page: 1000, total: 1000 });
    const tokens = await Promise.all(
      Array.from({ length: 20 }, (_, index) => pages.put(`answer ${index}`, 'x'.repeat(100))),
    );
    expect(tokens.filter((token) => token !== undefined)).toHaveLength(10);
  });
});

test('a page that grows takes each entry once, has a bound of its own and one with the others, and expires', async () => {
  await withRedis(async (redis) => {
    let now = Date.now();
    const pages = createPageStore(redis, 30, { page: 300, total: 500 }, () => now);
    const token = await pages.append('turn', 'one', 'x'.repeat(100));
    expect(await pages.append('turn', 'one', 'x'.repeat(100))).toBe(token);
    expect(await pages.append('turn', 'two', 'y'.repeat(100))).toBe(token);
    expect((await pages.find(token ?? ''))?.markdown).toBe(
      `${'x'.repeat(100)}\n\n---\n\n${'y'.repeat(100)}\n\n---\n\n`,
    );
    expect(await pages.append('turn', 'three', 'z'.repeat(90))).toBeUndefined();
    expect(await pages.append('other', 'one', 'z'.repeat(290))).toBeUndefined();
    const [key = ''] = await redis.keys(keys.page('*'));
    expect(await redis.pttl(key)).toBeGreaterThan(29 * day);
    expect(await redis.pttl(key.replace(keys.page(''), keys.pageEntries('')))).toBeGreaterThan(
      29 * day,
    );
    now += 31 * day;
    expect(await pages.append('other', 'one', 'z'.repeat(290))).toBeDefined();
  });
});

test('an address is read only as it was signed: no bit changed, no other secret, not expired', () => {
  const [secret, other] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
  const address = { id: pageId(secret, 'answer'), expires: 1_800_000_000_000 };
  const token = signPageAddress(secret, address);
  expect(readPageAddress(secret, token, address.expires - 1)).toEqual(address);
  expect(readPageAddress(secret, token, address.expires)).toBeUndefined();
  expect(readPageAddress(other, token, 0)).toBeUndefined();
  const bytes = Buffer.from(token, 'base64url');
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    const changed = Buffer.from(bytes);
    changed.writeUInt8(changed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
    expect(readPageAddress(secret, changed.toString('base64url'), 0), `bit ${bit}`).toBeUndefined();
  }
  for (const wrong of [
    '',
    'x',
    token.slice(1),
    `${token}x`,
    `${token.slice(0, 47)}=`,
    `${token.slice(0, 47)}/`,
    'ü'.repeat(48),
  ])
    expect(readPageAddress(secret, wrong, 0), `of ${wrong}`).toBeUndefined();
  expect(pageId(other, 'answer')).not.toBe(address.id);
});
