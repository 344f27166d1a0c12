import { expect, test } from 'vitest';
import { keys } from '../../shared/keys.ts';
import { AgentFailure } from '../../worker/agent/agent.ts';
import { failureSentence, limitWithoutTime } from '../../worker/failure-sentence.ts';
import { withPipeline } from '../support/pipeline.ts';
import { withStory } from '../support/story-bench.ts';
import { until } from '../support/until.ts';

test('a model that does not exist is said in one sentence, and “retry” goes on once there is one', async () => {
  await withStory({}, async ({ say, replies, model }) => {
    model.faults.noModel = Infinity;
    await say('say something');
    await until('the sentence', () => replies().length === 1, 25_000);
    expect(replies()[0]?.text).toBe(failureSentence('no-model'));
    model.faults.noModel = 0;
    await say('retry');
    await until('the answer', () => replies().length === 2, 25_000);
    expect(replies()[1]?.text).toMatch(/something/);
  });
}, 90_000);

test('a usage limit without a time is said once, waited for, and the turn goes on by itself', async () => {
  await withPipeline({}, async ({ say, replies, redis, startWorker }) => {
    let limited = true;
    await startWorker({
      answer: async (text) => {
        if (limited) throw new AgentFailure('usage-limit', 'limit reached');
        return `answer to ${text}`;
      },
    });
    await say('hello');
    await until('a turn that is put off', async () => (await redis.zcard(keys.delayed('turns'))) === 1);
    await until('the sentence', () => replies().length === 1);
    limited = false;
    // A message brings a turn that is put off forward; its pause would be a minute.
    await say('more');
    await until('both answers', () => replies().length === 3);
    expect(replies().map(({ text }) => text)).toEqual([limitWithoutTime, 'answer to hello', 'answer to more']);
  });
}, 90_000);
