import { expect, test } from 'vitest';
import { createPageRenderer, renderTimes } from '../../relay/pages/renderer.ts';
import { scaled } from '../support/machine-speed.ts';
import { writeMarkdown } from '../../simulator/model/stories/long-answer.ts';

const patient = { ...renderTimes, startMs: scaled(60_000), limitMs: scaled(60_000) };

test('texts that come together are rendered one after the other, each its own', async () => {
  const renderer = createPageRenderer(patient);
  try {
    const rendered = await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        renderer.render(`# Number ${index}\n\n${writeMarkdown(2000)}`),
      ),
    );
    expect(rendered.map(({ title }) => title)).toEqual(
      Array.from({ length: 8 }, (_, index) => `Number ${index}`),
    );
  } finally {
    await renderer.stop();
  }
});

test(
  'what crashes the thread or takes too long fails alone, and the next text has a new thread',
  { tags: 'long' },
  async () => {
    const renderer = createPageRenderer(patient);
    try {
      const [deep, next] = await Promise.allSettled([
        renderer.render('>'.repeat(100_000)),
        renderer.render('fine'),
      ]);
      expect(deep).toMatchObject({ status: 'rejected', reason: { name: 'RangeError' } });
      expect(next).toMatchObject({
        status: 'fulfilled',
        value: { title: 'fine', body: '<p>fine</p>\n' },
      });
    } finally {
      await renderer.stop();
    }
    // No thread starts within a millisecond.
    const hasty = createPageRenderer({ ...patient, startMs: 1 });
    await expect(hasty.render('text')).rejects.toThrow('aborted');
    await hasty.stop();
  },
);

test('a renderer that was idle for a while goes on when asked', async () => {
  const renderer = createPageRenderer({ ...patient, idleMs: 1 });
  for (const title of ['one', 'two', 'three']) {
    expect((await renderer.render(title)).title).toBe(title);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await renderer.stop();
});

test('stopping ends what is being rendered and what waits, and may be said twice', async () => {
  const renderer = createPageRenderer(patient);
  const renderings = Promise.allSettled([
    renderer.render('_a_'.repeat(130_000)),
    renderer.render('next'),
  ]);
  await Promise.all([renderer.stop(), renderer.stop()]);
  expect((await renderings).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  await expect(renderer.render('after')).rejects.toThrow('aborted');
});
