import { expect, test } from 'vitest';
import { createDeadLetters } from '../../shared/store/boxes/dead-letters.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import { withRedis } from '../support/redis.ts';

test('the dead list keeps the last thousand entries, and goes by itself', async () => {
  await withRedis(async (redis) => {
    await redis.rpush(keys.dead, ...Array.from({ length: 1000 }, (_, index) => `${index}`));
    await createDeadLetters(redis, 3).add('schedules', '', 'no JSON');
    expect(await redis.llen(keys.dead)).toBe(1000);
    expect(JSON.parse((await redis.lindex(keys.dead, 0)) ?? '')).toMatchObject({
      from: 'schedules',
      conversation: '',
      entry: 'no JSON',
    });
    expect(await redis.lindex(keys.dead, -1)).toBe('998');
    expect(await redis.ttl(keys.dead)).toBe(3 * 24 * 3600);
  });
});
