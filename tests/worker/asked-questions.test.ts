import { expect, test } from 'vitest';
import { createConversations } from '../../shared/store/conversation.ts';
import type { Conversation } from '../../shared/store/conversation.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import { createAlwaysAllowed } from '../../worker/questions/always-allowed.ts';
import { createAskedQuestions } from '../../worker/questions/asked-questions.ts';
import type { AskedQuestions } from '../../worker/questions/asked-questions.ts';
import type { Question } from '../../worker/questions/question.ts';
import { withRedis } from '../support/redis.ts';

const conversation = '+15551230001';
const fence = { lock: keys.jobLock('turns', '1'), token: 'mine' };
const leave: Question = {
  kind: 'permission',
  text: 'May I run it?',
  options: [{ label: 'Yes' }, { label: 'No' }],
  multiple: false,
  fallback: 'No',
  yes: 'Yes',
  no: 'No',
  subject: 'digest of the call',
};

/** The questions of a turn, by a worker that has just begun with it. */
async function takeUp(redis: Redis, turn = 'turn'): Promise<AskedQuestions> {
  const conversations = createConversations(redis);
  const kept: Conversation = await conversations.read(conversation);
  return createAskedQuestions(
    { conversations, now: () => 1_800_000_000_000 },
    { turn, conversation, fence },
    kept,
  );
}

async function withTurn(run: (redis: Redis) => Promise<void>): Promise<void> {
  await withRedis(async (redis) => {
    await redis.set(fence.lock, fence.token);
    await run(redis);
  });
}

test('a question that a restart has interrupted is the same one, with the deadline that it had', async () => {
  await withTurn(async (redis) => {
    const first = await takeUp(redis);
    const id = first.nextId(leave);
    await first.begin(id, leave, 1000);
    const second = await takeUp(redis);
    expect(second.nextId(leave)).toBe(id);
    expect((await second.begin(id, leave, 9000)).deadline).toBe(1000);
    // Another turn’s question is not this one’s.
    const other = await takeUp(redis, 'other turn');
    expect(other.open()).toBeUndefined();
    expect((await other.begin(other.nextId(leave), leave, 9000)).deadline).toBe(9000);
  });
});

test('leave is for one call: once used it is asked for again, also after a restart; an answer that is no leave is not used up', async () => {
  await withTurn(async (redis) => {
    const first = await takeUp(redis);
    const id = first.nextId(leave);
    await first.close(await first.begin(id, leave, 1000), ['Yes'], 'SM1');
    const second = await takeUp(redis);
    // It was not used before the restart: the call that was approved runs unasked.
    expect([second.nextId(leave), second.answerTo(id)?.words]).toEqual([id, ['Yes']]);
    await second.useUp(id, leave);
    const third = await takeUp(redis);
    const again = third.nextId(leave);
    expect(again).not.toBe(id);
    await third.close(await third.begin(again, leave, 1000), ['No'], 'SM2');
    await third.useUp(again, leave);
    expect((await takeUp(redis)).nextId(leave)).toBe(again);
    expect((await takeUp(redis)).nextId({ ...leave, subject: 'digest of another call' })).not.toBe(
      again,
    );
  });
});

test('what is allowed always is this very key in this very session, and nothing without a session', async () => {
  await withTurn(async (redis) => {
    let session: string | undefined = 'a';
    const allowed = createAlwaysAllowed(
      createConversations(redis),
      { conversation, fence },
      () => session,
    );
    await allowed.add('key', 'npm test');
    expect([await allowed.has('key'), await allowed.has('other key')]).toEqual([true, false]);
    session = 'b';
    expect(await allowed.has('key')).toBe(false);
    session = undefined;
    await allowed.add('key of nobody', 'ls');
    expect(await allowed.has('key of nobody')).toBe(false);
    session = 'a';
    for (let index = 0; index < 100; index += 1) await allowed.add(`key ${index}`, 'ls');
    expect([
      await allowed.has('key'),
      await allowed.has('key 0'),
      await allowed.has('key 99'),
    ]).toEqual([false, true, true]);
  });
});

test('of what another version has stored of questions and permissions the rest is read', async () => {
  await withTurn(async (redis) => {
    const key = keys.conversation(conversation);
    const answer = { text: 'Which?', words: ['Blue'], by: 'SM1' };
    const open = { id: 'q', kind: 'drawing', text: 'x', labels: [], multiple: false, deadline: 1 };
    const questions = { turn: 'turn', open, answers: { a: answer, b: { by: 7 }, c: null } };
    const grants = [{ of: 'later' }, { session: 's', key: 'key', name: 'ls' }];
    await redis.hset(key, {
      questions: JSON.stringify(questions),
      allowed: JSON.stringify(grants),
    });
    const same = await takeUp(redis);
    expect([same.open(), same.answerTo('a'), same.answerTo('b'), same.answerers()]).toEqual([
      undefined,
      answer,
      undefined,
      ['SM1'],
    ]);
    // It answered a question of an ended turn, and is no prompt.
    expect((await takeUp(redis, 'next')).left).toEqual(['SM1']);
    const context = { conversation, fence };
    const allowed = createAlwaysAllowed(createConversations(redis), context, () => 's');
    expect(await allowed.has('key')).toBe(true);
    await redis.hset(key, 'allowed', '{"of":"later"}');
    expect(await allowed.has('key')).toBe(false);
  });
});
