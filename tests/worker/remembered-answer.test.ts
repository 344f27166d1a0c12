import { expect, test } from 'vitest';
import { keys } from '../../shared/store/redis/keys.ts';
import type { Agent, AgentEvent } from '../../worker/agent/agent.ts';
import { AgentFailure } from '../../worker/agent/agent.ts';
import { phone, withPipeline } from '../support/pipeline.ts';
import { until } from '../support/until.ts';

const usage = { inputTokens: 0, outputTokens: 0, costUsd: 0, isBooked: true };

test('one answer of an earlier run settles all messages that it answers, although the turn fails right after it', async () => {
  await withPipeline({}, async ({ startWorker, say, replies, redis }) => {
    for (const text of ['one', 'two', 'three']) await say(text);
    let runs = 0;
    await startWorker({
      createAgent: async (): Promise<Agent> => ({
        async *work({ prompts, taken }): AsyncGenerator<AgentEvent> {
          runs += 1;
          const ids = [...(taken?.() ?? [])];
          for await (const { id } of prompts) {
            const covers = ids.filter((other) => other !== id);
            const answer = { kind: 'answer', id: 'a', text: 'All is done.' } as const;
            yield { ...answer, prompts: [id], covers, usage, remembered: true };
            throw new AgentFailure('died', 'in the middle');
          }
        },
        release: async () => undefined,
        stop: async () => undefined,
      }),
    });
    await until('the answer', () => replies().length > 0);
    await until('an empty inbox', async () => (await redis.llen(keys.inbox(phone))) === 0);
    await until('the end of the turn', async () => (await redis.llen(keys.active('turns'))) === 0);
    expect(replies().map(({ text }) => text)).toEqual(['All is done.']);
    expect(runs).toBe(1);
  });
});
