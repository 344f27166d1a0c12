import { expect, test } from 'vitest';
import { openClaudeAgent, startTurn } from '../support/agent-bench.ts';
import { until } from '../support/until.ts';

test(
  'a suggestion comes from a prewarmed process, too, and goes to the turn that it follows',
  { tags: 'long' },
  async () => {
    const bench = await openClaudeAgent({
      model: { suggestion: 'run the tests', withCache: true },
      prewarmMs: 50,
      suggests: true,
    });
    try {
      const workspace = await bench.workspace('ann');
      const suggested: string[] = [];
      const say = async (words: string, session?: string): Promise<string | undefined> => {
        const onSuggestion = (text: string): void => void suggested.push(`${words}: ${text}`);
        const turn = startTurn(bench.agent, workspace, { session, prompts: [words], onSuggestion });
        expect(await turn.ended).toBeUndefined();
        return turn.session();
      };
      await say('say hi');
      await bench.agent.release('+15551230001');
      const prewarmed = await until('a prewarmed process', async () => (await bench.leaders())[0]);
      const session = await say('say one');
      expect(await bench.processes(session)).toContain(prewarmed);
      await say('say two', session);
      await until('a suggestion', () => suggested.length > 0);
      await say('say three', session);
      await until('another', () => suggested.length > 1);
      expect(suggested).toEqual(['say two: run the tests', 'say three: run the tests']);
    } finally {
      await bench.stop();
    }
  },
);
