import { expect, test } from 'vitest';
import { keys } from '../../shared/store/redis/keys.ts';
import type { Agent, AgentEvent } from '../../worker/agent/agent.ts';
import { AgentFailure } from '../../worker/agent/agent-failure.ts';
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

test('a turn that goes on when the store has lost its answer puts no later one before it', async () => {
  await withPipeline({}, async ({ startWorker, say, replies, redis }) => {
    let runs = 0;
    const attempts: (string | null)[] = [];
    const restored = Promise.withResolvers<void>();
    for (const text of ['zero', 'one']) await say(text);
    const [entry = ''] = await redis.lrange(keys.inbox(phone), 0, 0);
    await startWorker({
      createAgent: async (): Promise<Agent> => ({
        async *work({ prompts }): AsyncGenerator<AgentEvent> {
          runs += 1;
          const run = runs;
          for await (const { id, text } of prompts) {
            if (text === 'one') attempts.push(await redis.hget(keys.attempts(phone), id));
            if (run === 1 && text === 'one') await restored.promise;
            const words = `${text}, run ${run}`;
            yield { kind: 'answer', id: `${id}.${run}`, text: words, prompts: [id], usage };
          }
        },
        release: async () => undefined,
        stop: async () => undefined,
      }),
    });
    await until('the first answer', () => replies().length === 1);
    // A copy of the store from before that answer, put back while the turn works.
    await redis.lpush(keys.inbox(phone), entry);
    restored.resolve();
    await until('the end of all', async () => (await redis.llen(keys.inbox(phone))) === 0);
    await until('all answers', () => replies().some(({ text }) => text.startsWith('one')));
    expect(replies().map(({ text }) => text)).toEqual(['zero, run 1', 'zero, run 2', 'one, run 2']);
    // The loss is no failure of the message.
    expect(attempts).toEqual(['1', '1']);
  });
});

test('a turn whose answer the store has lost begins anew at the head of the inbox, so that the order holds', async () => {
  await withPipeline({}, async ({ startWorker, say, replies, redis }) => {
    let runs = 0;
    let entry = '';
    for (const text of ['zero', 'one']) await say(text);
    await startWorker({
      createAgent: async (): Promise<Agent> => ({
        async *work({ prompts, signal }): AsyncGenerator<AgentEvent> {
          runs += 1;
          const run = runs;
          const aborted = Promise.withResolvers<never>();
          aborted.promise.catch(() => undefined);
          signal.addEventListener('abort', () => aborted.reject(signal.reason), { once: true });
          const coming = prompts[Symbol.asyncIterator]();
          for (;;) {
            const next = await Promise.race([coming.next(), aborted.promise]);
            if (next.done === true) return;
            const { id, text } = next.value;
            // The first run answers what comes second, and is at work on the first.
            if (run === 1 && text === 'zero') continue;
            if (text === 'one') entry = (await redis.lindex(keys.inbox(phone), 1)) ?? entry;
            const words = `${text}, run ${run}`;
            yield { kind: 'answer', id: `${id}.${run}`, text: words, prompts: [id], usage };
          }
        },
        release: async () => undefined,
        stop: async () => undefined,
      }),
    });
    await until('the second answer', () => replies().length === 1);
    // A copy of the store from before that answer, put back while the turn works.
    await redis.rpush(keys.inbox(phone), entry);
    await say('two');
    await until('the end of all', async () => (await redis.llen(keys.inbox(phone))) === 0);
    await until('all answers', () => replies().some(({ text }) => text.startsWith('two')));
    expect(replies().map(({ text }) => text)).toEqual([
      'one, run 1',
      'zero, run 2',
      'one, run 2',
      'two, run 2',
    ]);
  });
});

test('what was said on the way is not said again with the answer, and silence about work that ran on needs no word', async () => {
  await withPipeline({}, async ({ startWorker, say, replies }) => {
    await startWorker({
      createAgent: async (): Promise<Agent> => ({
        async *work({ prompts, tools }): AsyncGenerator<AgentEvent> {
          for await (const { id } of prompts) {
            yield { kind: 'answer', id: 'of the work', text: '', prompts: [], usage };
            const said = { id: 'said', text: 'I will look.' };
            await tools.say(said);
            const earlier = [said, { id: 'unsaid', text: 'I see it.' }];
            yield { kind: 'answer', id: 'a', text: 'It is done.', earlier, prompts: [id], usage };
          }
        },
        release: async () => undefined,
        stop: async () => undefined,
      }),
    });
    await say('look');
    await until('the answer', () => replies().some(({ text }) => text.endsWith('It is done.')));
    expect(replies().map(({ text }) => text)).toEqual(['I will look.', 'I see it.\n\nIt is done.']);
  });
});
