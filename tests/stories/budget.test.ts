import { expect, test } from 'vitest';
import { callTool, text } from '../../simulator/model/answer.ts';
import type { Story } from '../../simulator/model/stories/story.ts';
import { said, tap, texts, withStory } from '../support/story-bench.ts';
import { until } from '../support/until.ts';

/** `spend`: two tools, one after the other. */
const spend: Story = {
  matches: (asked) => asked === 'spend' || asked.includes('You were interrupted'),
  next: ({ results }) =>
    results.length < 2
      ? callTool('Bash', { command: `echo step ${results.length}`, description: 'Spend money' })
      : text('all spent'),
};

test(
  'a budget stops the turn with a question; a tap goes on, a no ends it and says so',
  { tags: 'long' },
  async () => {
    await withStory(
      { stories: [spend], environment: { BUDGET_USD_PER_TURN: '0.000001' } },
      async (bench) => {
        await bench.say('spend');
        const question = await said(bench, 'Shall I go on?');
        expect(question.text).toMatch(/^This task has cost .*; its budget is /);
        expect(question.buttons.map(({ title }) => title)).toEqual(['Continue? +$1', 'Stop here']);
        await tap(bench, question, 'Continue? +$1');
        await said(bench, 'all spent');
        await bench.say('/new');
        await said(bench, 'A fresh start');
        await bench.say('spend');
        await until(
          'the second question',
          () => texts(bench).filter((words) => words.includes('Shall I go on?')).length === 2,
        );
        await bench.say('stop here');
        await said(bench, 'the budget is used up');
      },
    );
  },
);

test(
  'the budget of a day is asked about before anything is spent, once for each dollar',
  { tags: 'long' },
  async () => {
    await withStory({ environment: { BUDGET_USD_PER_DAY: '0.000001' } }, async (bench) => {
      await bench.say('say one');
      await said(bench, 'one');
      await bench.say('say two');
      const question = await said(bench, 'Today has cost');
      await tap(bench, question, 'Continue? +$1');
      await said(bench, 'two');
      await bench.say('say three');
      await said(bench, 'three');
      expect(texts(bench).filter((words) => words.includes('Shall I go on?'))).toHaveLength(1);
    });
  },
);
