import { expect, test } from 'vitest';
import { createConversations } from '../../shared/store/conversation.ts';
import { phone } from '../support/pipeline.ts';
import { said, tap, texts, withStory } from '../support/story-bench.ts';
import { until } from '../support/until.ts';

test(
  'after an answer a suggestion comes with a button, and a tap is done as a request',
  { tags: 'long' },
  async () => {
    // The model's service must have the conversation in its cache, or Claude Code does not suggest.
    const suggests = { agent: { suggests: true }, suggestion: 'say three', withCache: true };
    await withStory(suggests, async (bench) => {
      await bench.say('say one');
      await said(bench, 'one');
      await bench.say('say two');
      const offer = await said(bench, 'Next: say three');
      expect(texts(bench)).toEqual(['one', 'two', 'Next: say three']);
      await tap(bench, offer, 'Do that');
      await until('its answer', () => texts(bench).includes('three'));
      expect(
        bench.model.requests.findLast(({ kind }) => kind === 'turn')?.view.texts,
      ).toMatchObject([{ text: 'say three' }]);
    });
  },
);

test(
  'a command of Claude Code’s own in a suggestion is text for the model',
  { tags: 'long' },
  async () => {
    const suggests = { agent: { suggests: true }, suggestion: '/clear', withCache: true };
    await withStory(suggests, async (bench) => {
      const session = async (): Promise<string | undefined> =>
        (await createConversations(bench.redis).read(phone)).session;
      await bench.say('say one');
      await said(bench, 'one');
      await bench.say('say two');
      const offer = await said(bench, 'Next: /clear');
      const before = await session();
      const asked = bench.model.requests.filter(({ kind }) => kind === 'turn').length;
      await tap(bench, offer, 'Do that');
      await until(
        'the request',
        () => bench.model.requests.filter(({ kind }) => kind === 'turn').length > asked,
      );
      expect(bench.model.requests.findLast(({ kind }) => kind === 'turn')?.view).toMatchObject({
        texts: [{ text: '/clear' }],
        answersBefore: 2,
      });
      expect(await session()).toBe(before);
    });
  },
);

test('without SUGGESTIONS nothing is asked for', { tags: 'long' }, async () => {
  await withStory({ suggestion: 'say more', withCache: true }, async (bench) => {
    for (const word of ['one', 'two', 'three']) {
      await bench.say(`say ${word}`);
      await said(bench, word);
    }
    expect(bench.model.requests.filter(({ kind }) => kind === 'side')).toEqual([]);
    expect(texts(bench)).toEqual(['one', 'two', 'three']);
  });
});
