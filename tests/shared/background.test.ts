import { expect, test } from 'vitest';
import { createBackground } from '../../shared/store/background.ts';
import { isMessageId, isWorkId, workId } from '../../shared/store/message.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import { withRedis } from '../support/redis.ts';

const [one, other] = ['+15551230001', '+15551230002'];
const task = (id: string, startedAt: number) => ({
  id,
  description: `task ${id}`,
  request: 'do it',
  startedAt,
});

test('what runs is listed by person, oldest first, and is lost when its worker is dead', async () => {
  await withRedis(async (redis) => {
    const store = createBackground(redis);
    await store.note({ conversation: one, session: 's1', owner: 'vm#1', tasks: [task('b', 2)] });
    await store.note({
      conversation: one,
      session: 's2',
      owner: 'vm#2',
      tasks: [task('c', 3), task('a', 1)],
    });
    await store.note({ conversation: other, session: 's3', owner: 'vm#2', tasks: [task('d', 1)] });
    expect((await store.list(one)).map(({ id, session }) => `${session} ${id}`)).toEqual([
      's2 a',
      's1 b',
      's2 c',
    ]);

    await redis.set(keys.lease('vm'), '2');
    expect((await store.lost()).map(({ session }) => session)).toEqual(['s1']);
    // Another worker has the session since.
    await store.remove({ conversation: other, session: 's3', owner: 'vm#1' });
    await store.remove({ conversation: one, session: 's1', owner: 'vm#1' });
    expect(await store.lost()).toEqual([]);
    expect(await store.list(other)).toHaveLength(1);
    await store.note({ conversation: other, session: 's3', owner: 'vm#2', tasks: [] });
    expect(await store.list(other)).toEqual([]);

    await redis.hset(keys.background, `${one} s9`, 'not JSON', `${one} s8`, '7');
    expect((await store.lost()).length).toBe(0);
    expect(await store.list(one)).toHaveLength(2);
  });
});

test('a message about work has an id of its own, for every kind of person', () => {
  const name = '63cac9da-c6e1-4f17-8350-ce7884077321';
  for (const person of [one, 'US.13491208655302741918'])
    for (const id of [workId(person, name), workId(person, 'a'.repeat(64))])
      expect([isWorkId(id), isMessageId(id)]).toEqual([true, true]);
  expect(isMessageId('schedule-US.13491208655302741918-1-1796000000000')).toBe(true);
  for (const id of [`work-${name}`, '../turns', 'work-1-x', '7'])
    expect(isMessageId(id)).toBe(false);
});
