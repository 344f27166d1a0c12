import { expect, test } from 'vitest';
import { writeMarkdown } from '../../simulator/model/stories/long-answer.ts';
import { messageLimit } from '../../worker/reply/chunk.ts';
import { withPipeline } from '../support/pipeline.ts';
import { until } from '../support/until.ts';

test('a long answer arrives as its opening and a link, and the link leads to a page of the whole', async () => {
  await withPipeline({}, async ({ say, replies, startWorker, relayUrl }) => {
    await startWorker({ answer: async () => `${writeMarkdown(20_000)}\n\nThe very end.` });
    await say('tell me everything');
    const { text: link } = await until('the link', () => replies().find((reply) => reply.text.includes('/page/')));
    expect(replies()).toHaveLength(2);
    expect(replies()[0]?.text.startsWith('*Section 1*\n\nThe quick brown fox')).toBe(true);
    expect(replies()[0]?.text.length).toBeLessThanOrEqual(messageLimit);
    const address = link.split('\n').at(-1) ?? '';
    expect(address.startsWith(`${relayUrl}/page/`)).toBe(true);
    const page = await fetch(address);
    expect(page.status).toBe(200);
    expect(await page.text()).toContain('<p>The very end.</p>');
  });
});

test('an answer that says nothing is still an answer', async () => {
  await withPipeline({}, async ({ say, replies, startWorker }) => {
    await startWorker({ answer: async () => ' \n' });
    await say('do it');
    await until('the answer', () => replies().length > 0);
    expect(replies().map((reply) => reply.text)).toEqual(['Done.']);
  });
});
