import { describe, expect, test } from 'vitest';
import { createContents, createMemoryContents } from '../../shared/twilio/content-cache.ts';
import type { Contents } from '../../shared/twilio/content-cache.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import { withRedis } from '../support/redis.ts';

/** Runs a test with a memory of contents, and with a way to let so many seconds go by. */
type WithContents = (
  run: (contents: Contents, later: (seconds: number) => Promise<void>) => Promise<void>,
) => Promise<void>;

const inRedis: WithContents = async (run) => {
  await withRedis(async (redis) => {
    await run(createContents(redis), async (seconds) => {
      for (const key of [
        ...(await redis.keys(keys.contentRefused('*'))),
        ...(await redis.keys(keys.content('?'))),
      ])
        await redis.pexpire(key, Math.max((await redis.pttl(key)) - seconds * 1000, 0));
    });
  });
};

const inMemory: WithContents = async (run) => {
  let now = 0;
  await run(
    createMemoryContents(() => now),
    async (seconds) => void (now += seconds * 1000),
  );
};

describe.each([
  ['in Redis', inRedis],
  ['in memory', inMemory],
])('%s', (_, withContents) => {
  test('a content is found again, and a new one takes its place', async () => {
    await withContents(async (contents) => {
      expect(await contents.find('a')).toBeUndefined();
      await contents.keep('a', 'HX1');
      await contents.keep('b', 'HX2');
      expect(await contents.find('a')).toEqual({ sid: 'HX1' });
      await contents.keep('a', 'HX3');
      expect(await contents.find('a')).toEqual({ sid: 'HX3' });
      expect(await contents.find('b')).toEqual({ sid: 'HX2' });
    });
  });

  test('a stored content is idle after that time without use, and an unknown one at once', async () => {
    await withContents(async (contents, later) => {
      const hour = 3600_000;
      await contents.keep('a', 'HX1');
      await later(3500);
      expect(await contents.dropIdle('a', 'HX1', hour)).toBe(false);
      expect(await contents.dropIdle('a', 'HX2', hour)).toBe(true);
      expect(await contents.find('a')).toEqual({ sid: 'HX1' });
      await later(3500);
      expect(await contents.dropIdle('a', 'HX1', hour)).toBe(false);
      await later(200);
      expect(await contents.dropIdle('a', 'HX1', hour)).toBe(true);
      expect(await contents.find('a')).toBeUndefined();
    });
  });

  test('contents with words to somebody are known by the address until they are deleted', async () => {
    await withContents(async (contents) => {
      await contents.keep('a', 'HX1');
      await contents.noteWords('+1', 'a', 'HX1');
      await contents.keep('a', 'HX2');
      await contents.noteWords('+1', 'a', 'HX2');
      await contents.noteWords('+2', 'b', 'HX3');
      expect((await contents.withWordsTo('+1')).toSorted()).toEqual(['HX1', 'HX2']);
      await contents.drop('+1', 'HX1');
      expect(await contents.find('a')).toEqual({ sid: 'HX2' });
      await contents.drop('+1', 'HX2');
      expect(await contents.find('a')).toBeUndefined();
      expect([await contents.withWordsTo('+1'), await contents.withWordsTo('+2')]).toEqual([
        [],
        ['HX3'],
      ]);
    });
  });

  test('a refusal of one definition or of all is believed for its time', async () => {
    await withContents(async (contents, later) => {
      await contents.keep('a', 'HX1');
      await contents.refuse('a', 3600);
      expect(await contents.find('a')).toBe('refused');
      expect(await contents.find('b')).toBeUndefined();
      await contents.refuse('every', 60);
      expect(await contents.find('b')).toBe('refused');
      await later(61);
      expect(await contents.find('b')).toBeUndefined();
      expect(await contents.find('a')).toBe('refused');
      await later(3600);
      expect(await contents.find('a')).toEqual({ sid: 'HX1' });
    });
  });
});

test('in Redis a content that is used stays, and one that is not is forgotten', async () => {
  await withRedis(async (redis) => {
    const contents = createContents(redis);
    await contents.keep('a', 'HX1');
    await redis.expire(keys.content('a'), 100);
    await contents.find('a');
    expect(await redis.ttl(keys.content('a'))).toBeGreaterThan(24 * 3600);
  });
});
