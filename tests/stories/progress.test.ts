import { expect, test } from 'vitest';
import { gate, openGate } from '../support/gate-story.ts';
import { said, texts, withStory, workspaceOf } from '../support/story-bench.ts';
import { until } from '../support/until.ts';

test('long work says now and then what it does, never the same twice, and the answer comes last', async () => {
  await withStory(
    { stories: [gate], worker: { progress: { firstMs: 300, everyMs: 300 } } },
    async (bench) => {
      await bench.say('gate');
      await until('the line about the gate', () =>
        texts(bench).some((text) => text.startsWith('Waiting at the gate')),
      );
      await openGate(await workspaceOf(bench));
      await until('the answer', () => texts(bench).includes('through'));
      expect(texts(bench).at(-1)).toBe('through');
      expect(new Set(texts(bench)).size).toBe(texts(bench).length);
      // At the beginning Claude reads and thinks; nothing else was done.
      const withoutLink = texts(bench).map((text) => text.replace(/\nWatch me: http\S+$/, ''));
      expect(withoutLink.filter((text) => text !== 'Thinking')).toEqual([
        'Waiting at the gate',
        'through',
      ]);
      // The first line of long work leads to its page.
      expect(texts(bench).map((text) => text.includes('/link/'))).toEqual(
        texts(bench).map((_, index) => index === 0),
      );
    },
  );
});

test(
  'by itself a short turn says nothing but its answer; with /verbose each step is told, before the answer',
  { tags: 'long' },
  async () => {
    await withStory({ stories: [gate] }, async (bench) => {
      await bench.say('run: echo hello');
      await until('the answer', () => texts(bench).length > 0);
      expect(texts(bench)).toEqual([expect.stringContaining('hello')]);
      expect(bench.twin.memory.typing.map(({ status }) => status)).toContain(200);
      await bench.say('/verbose');
      await until('the word about it', () => texts(bench).length === 2);
      await bench.say('gate');
      await until('the step', () => texts(bench).includes('▸ Wait at the gate'));
      await openGate(await workspaceOf(bench));
      await until('the answer', () => texts(bench).includes('through'));
      await bench.say('run: echo twice');
      await until('the second answer', () => texts(bench).some((text) => text.includes('twice')));
      expect(texts(bench).slice(2)).toEqual([
        '▸ Wait at the gate',
        'through',
        '▸ Run the command that was asked for',
        expect.stringContaining('twice'),
      ]);
      await bench.say('/quiet');
      await said(bench, 'Quiet again');
      await bench.say('run: echo thrice');
      await said(bench, 'thrice');
      expect(texts(bench)).toHaveLength(8);
    });
  },
);
