import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { keys } from '../../shared/store/redis/keys.ts';
import { createFastAgent } from '../../simulator/fast-agent.ts';
import type { FastAgentOptions } from '../../simulator/fast-agent.ts';
import { AgentFailure } from '../../worker/agent/agent-failure.ts';
import type { Agent, AgentTurn, Prompt } from '../../worker/agent/agent.ts';
import { phone, withPipeline } from '../support/pipeline.ts';
import type { Pipeline } from '../support/pipeline.ts';
import { until } from '../support/until.ts';

/** What was recalled with each text. */
type Recalled = Map<string, string | undefined>;

/** The fast agent, which notes what each prompt would recall. */
function createRecallingAgent(
  { dataDir }: Pipeline,
  answer: FastAgentOptions['answer'],
  recalled: Recalled,
): Agent {
  const fast = createFastAgent({ dir: path.join(dataDir, 'transcripts'), answer });
  return {
    ...fast,
    work: (turn) => fast.work(reporter(turn, ({ text, recall }) => recalled.set(text, recall))),
  };
}

/** The same turn, with each prompt told to `onPrompt` before the agent has it. */
function reporter(turn: AgentTurn, onPrompt: (prompt: Prompt) => void): AgentTurn {
  async function* prompts(): AsyncGenerator<Prompt> {
    for await (const prompt of turn.prompts) {
      onPrompt(prompt);
      yield prompt;
    }
  }
  return { ...turn, prompts: prompts() };
}

test('what was given up is named to be left when Claude goes on, until it is brought back', async () => {
  await withPipeline({}, async (pipeline) => {
    const recalled: Recalled = new Map();
    let isBroken = true;
    const answer = async (text: string): Promise<string> => {
      if (isBroken && text.startsWith('ask'))
        throw new AgentFailure('silent', 'as the test wants it');
      return `answer to ${text}`;
    };
    const agent = createRecallingAgent(pipeline, answer, recalled);
    await pipeline.startWorker({ createAgent: async () => agent });
    const replies = (): string[] => pipeline.replies().map(({ text }) => text);
    const say = async (text: string): Promise<string> => {
      const before = replies().length;
      await pipeline.say(text);
      await until(`a reply to ${text}`, () => replies().length > before);
      await until(
        'it is settled',
        async () => (await pipeline.redis.llen(keys.inbox(phone))) === 0,
      );
      return replies()[before] ?? '';
    };

    expect(await say('ask the one')).toContain('retry');
    expect(await say('ask the other')).toContain('retry');
    isBroken = false;
    expect(await say('hello')).toBe('answer to hello');
    expect(recalled.get('ask the one')).toBeUndefined();
    const leave =
      /^The person was told that there is no answer .* leave them .*: “ask the one”, “ask the other”\.$/;
    expect(recalled.get('hello')).toMatch(leave);
    await say('/retry');
    await until('the answer', () => replies().includes('answer to ask the other'));
    expect(recalled.get('ask the other')).toMatch(/: “ask the one”\.$/);
  });
});

test('what is given up at the pick-up is named to the turn that goes on', async () => {
  await withPipeline({}, async (pipeline) => {
    const recalled: Recalled = new Map();
    const answer = async (text: string): Promise<string> => `answer to ${text}`;
    const agent = createRecallingAgent(pipeline, answer, recalled);
    const id = await pipeline.say('what ends the worker');
    // A wish to retry that fails is not what the next one is about.
    const retry = await pipeline.say('/retry');
    await pipeline.say('hello');
    await pipeline.redis.hset(keys.attempts(phone), { [id]: 3, [retry]: 3 });
    await pipeline.startWorker({ createAgent: async () => agent });
    await until('the answer', () =>
      pipeline.replies().some(({ text }) => text === 'answer to hello'),
    );
    expect([...recalled]).toEqual([
      ['hello', expect.stringMatching(/leave them .*: “what ends the worker”\.$/)],
    ]);
    const failed = await pipeline.redis.hget(keys.conversation(phone), 'failed');
    expect(failed).toContain(id);
    expect(failed).not.toContain(retry);
  });
});

test('an answer that Claude has written is delivered after the third death of its worker', async () => {
  await withPipeline({}, async (pipeline) => {
    const answer = async (text: string): Promise<string> => `answer to ${text}`;
    const agent = createRecallingAgent(pipeline, answer, new Map());
    const id = await pipeline.say('what ends the worker');
    await pipeline.redis.hset(keys.attempts(phone), { [id]: 3 });
    await pipeline.redis.hset(keys.conversation(phone), { session: 'mine' });
    const dir = path.join(pipeline.dataDir, 'transcripts');
    await mkdir(dir, { recursive: true });
    const written = { answered: id, id: 'a', text: 'Here it is.' };
    await writeFile(path.join(dir, 'mine.jsonl'), `${JSON.stringify(written)}\n`);
    await pipeline.startWorker({ createAgent: async () => agent });
    await until('the answer', () => pipeline.replies().length > 0);
    expect(pipeline.replies().map(({ text }) => text)).toEqual(['Here it is.']);
    expect(await pipeline.redis.hget(keys.message(id), 'state')).toBe('answered');
  });
});
