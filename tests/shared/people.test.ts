import { expect, test } from 'vitest';
import { createPeopleStore } from '../../shared/store/people.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import { proveAddresses } from '../support/prove-addresses.ts';
import { withRedis } from '../support/redis.ts';

const [number, other, userId] = ['+15551230001', '+15551230002', 'US.13491208655302741918'];

test('a person’s record begins once, says everything in words, and its id has no number in it', async () => {
  await withRedis(async (redis) => {
    const people = createPeopleStore(redis, () => new Date('2026-11-30T09:00:00.000Z'));
    const words = 'allowed since the beginning, by a relay';
    await redis.hset(keys.allowed, { list: 'x', [number]: words });
    await redis.hset(keys.conversation(number), 'timezone', 'Europe/Lisbon');
    await redis.hset(keys.aliases, userId, number);
    const [id, again] = await Promise.all([people.idOf(number), people.idOf(number)]);
    expect(id).toMatch(/^p-[0-9a-f]{20}$/);
    expect(again).toBe(id);
    expect(id).not.toContain('1555');
    expect(await redis.hgetall(keys.person(id))).toEqual({
      since: '2026-11-30T09:00:00.000Z',
      addresses: `${number} (WhatsApp), ${userId} (WhatsApp)`,
      conversations: number,
      allowed: words,
      timezone: 'Europe/Lisbon',
    });
    expect(await people.idOf(userId)).toBe(id);
    expect(await people.of(number)).toMatchObject({
      id,
      addresses: [number, userId],
      conversations: [number],
      former: [],
    });
    expect(await people.idOf(other)).not.toBe(id);
    // Homes on the disk are named by it: after a loss of Redis it is the same again.
    await redis.flushall();
    expect(await people.idOf(number)).toBe(id);
  });
});

test('both spellings of a number are one person', async () => {
  await withRedis(async (redis) => {
    const people = createPeopleStore(redis);
    const id = await people.idOf('+5511987654321');
    expect(await people.idOf('+551187654321')).toBe(id);
    expect((await people.of('+551187654321')).conversations).toEqual([
      '+5511987654321',
      '+551187654321',
    ]);
  });
});

test('two addresses that turn out to be one person share the older record, and both conversations stay', async () => {
  await withRedis(async (redis) => {
    let minute = 10;
    const people = createPeopleStore(redis, () => new Date(`2026-11-30T09:${minute}:00.000Z`));
    const byId = await people.idOf(userId);
    await redis.hset(keys.person(byId), { name: 'Ana', limit: '5 dollars a day' });
    minute = 20;
    const byNumber = await people.idOf(number);
    expect(byNumber).not.toBe(byId);
    await redis.hset(keys.person(byNumber), 'name', 'A.');
    await proveAddresses(redis, number, userId);
    const joined = await people.of(number);
    expect(joined).toMatchObject({
      id: byId,
      name: 'Ana',
      limit: '5 dollars a day',
      conversations: [userId, number],
      addresses: [userId, number],
      former: [byNumber],
    });
    expect(await people.of(userId)).toEqual(joined);
    expect(await redis.exists(keys.person(byNumber))).toBe(0);
    await proveAddresses(redis, number, userId);
    expect(await people.of(userId)).toEqual(joined);
  });
});

test('an address without a record of its own joins the one that there is, whichever side has it', async () => {
  await withRedis(async (redis) => {
    const people = createPeopleStore(redis);
    await proveAddresses(redis, number, userId);
    expect(await redis.exists(keys.people)).toBe(0);
    const id = await people.idOf(number);
    await proveAddresses(redis, number, 'US.2');
    expect((await people.of(number)).addresses).toEqual([number, userId, 'US.2']);
    expect(await people.idOf('US.2')).toBe(id);
    const theirs = await people.idOf('US.3');
    await proveAddresses(redis, other, 'US.3');
    expect(await people.of(other)).toMatchObject({ id: theirs, conversations: ['US.3', other] });
  });
});

test('a record that began before its addresses were known to be one is joined with its first turn', async () => {
  await withRedis(async (redis) => {
    const people = createPeopleStore(redis);
    const theirs = await people.idOf(userId);
    await redis.hset(keys.aliases, userId, number);
    expect(await people.of(number)).toMatchObject({ conversations: [userId, number] });
    expect([theirs, (await people.of(number)).id]).toContain(await people.idOf(userId));
  });
});

test('a user id that moves from one number to another takes no person along', async () => {
  await withRedis(async (redis) => {
    const people = createPeopleStore(redis);
    const [one, two] = [await people.idOf(number), await people.idOf(other)];
    await proveAddresses(redis, number, userId);
    expect((await people.of(number)).addresses).toEqual([number, userId]);
    await proveAddresses(redis, other, userId);
    expect(await people.of(number)).toMatchObject({ id: one, addresses: [number] });
    expect(await people.of(other)).toMatchObject({ id: two, addresses: [other, userId] });
    expect(await people.idOf(userId)).toBe(two);
  });
});
