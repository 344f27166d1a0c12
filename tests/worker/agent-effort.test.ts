import { expect, test } from 'vitest';
import { homeAround, openClaudeAgent, startTurn } from '../support/agent-bench.ts';
import type { Asking, ClaudeAgentBench, ClaudeAgentBenchOptions } from '../support/agent-bench.ts';
import { until } from '../support/until.ts';

const [ann, bob] = ['+15551120001', '+15551120002'] as const;

/** One turn; returns its session and what its request to the model named. */
type Say = (
  asking: Asking,
) => Promise<{ session: string; effort: string | undefined; model: string }>;

async function withAgent(
  options: ClaudeAgentBenchOptions,
  use: (bench: ClaudeAgentBench, say: Say) => Promise<void>,
): Promise<void> {
  const bench = await openClaudeAgent(options);
  try {
    await use(bench, async (asking) => {
      const whole = { conversation: ann, prompts: ['say hi'], ...asking };
      const workspace = await bench.workspace(whole.conversation.slice(1));
      const turn = startTurn(bench.agent, workspace, whole);
      expect(await turn.ended).toBeUndefined();
      const request = bench.model.requests.findLast(({ kind }) => kind === 'turn');
      if (!request) throw new Error('the model was not asked');
      return { session: turn.session() ?? '', effort: request.effort, model: request.model };
    });
  } finally {
    await bench.stop();
  }
}

test(
  'an effort is there from the start, changes in the open process, and is taken off again',
  { tags: 'long' },
  async () => {
    await withAgent({}, async (bench, say) => {
      const { effort: own } = await say({ conversation: bob });
      expect(own).not.toBe('low');
      const first = await say({ effort: 'low' });
      expect(first.effort).toBe('low');
      const [process] = await bench.processes(first.session);
      const { session } = first;
      expect((await say({ session, effort: 'max' })).effort).toBe('max');
      expect((await say({ session })).effort).toBe(own);
      // Another model keeps it.
      expect(await say({ session, effort: 'low', model: 'claude-sonnet-5-5' })).toMatchObject({
        effort: 'low',
        model: 'claude-sonnet-5-5',
      });
      expect(await say({ session, effort: 'low', model: 'claude-opus-5-5' })).toMatchObject({
        effort: 'low',
        model: 'claude-opus-5-5',
      });
      expect(await bench.processes(session)).toContain(process);
      // A process of its own resumes the session with the effort of the turn.
      await bench.agent.release(ann);
      expect((await say({ session, effort: 'medium' })).effort).toBe('medium');
      expect(await bench.processes(session)).not.toContain(process);
    });
  },
);

test(
  'a prewarmed process serves a turn with an effort and one without',
  { tags: 'long' },
  async () => {
    await withAgent({ prewarmMs: 50, maxLive: 4 }, async (bench, say) => {
      const prewarmedOf = (known: number[]): Promise<number> =>
        until('a prewarmed process', async () =>
          (await bench.leaders()).find((pid) => !known.includes(pid)),
        );
      const first = await say({ conversation: bob });
      const known = await bench.processes(first.session);
      const prewarmed = await prewarmedOf(known);
      const second = await say({ effort: 'low' });
      expect(await bench.processes(second.session)).toContain(prewarmed);
      expect(second.effort).toBe('low');
      expect((await say({ session: second.session })).effort).toBe(first.effort);
      await bench.agent.release(bob);
      const next = await prewarmedOf([...known, prewarmed]);
      const third = await say({ conversation: bob });
      expect(await bench.processes(third.session)).toContain(next);
      expect(third.effort).toBe(first.effort);
      expect((await say({ conversation: bob, session: third.session, effort: 'max' })).effort).toBe(
        'max',
      );
    });
  },
);

test('what was made ready for a turn has its effort', { tags: 'long' }, async () => {
  await withAgent({}, async (bench, say) => {
    const workspace = await bench.workspace(ann.slice(1));
    const coming = {
      conversation: ann,
      home: homeAround(workspace),
      workspace,
      session: undefined,
      model: undefined,
      permissions: 'all' as const,
    };
    await bench.agent.prepare?.({ ...coming, effort: 'low' });
    const [ready] = await bench.leaders();
    const first = await say({ effort: 'low' });
    expect(first.effort).toBe('low');
    expect(await bench.leaders()).toEqual([ready]);
  });
});
