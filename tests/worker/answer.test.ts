import { expect, test } from 'vitest';
import { createLog } from '../../shared/runtime/log.ts';
import { createPageStore } from '../../shared/store/pages.ts';
import type { PageStore } from '../../shared/store/pages.ts';
import { writeMarkdown } from '../../simulator/model/stories/long-answer.ts';
import { createAnswerWriter } from '../../worker/reply/answer.ts';
import { chunk, messageLimit } from '../../worker/reply/chunk.ts';
import { format } from '../../worker/reply/format.ts';
import { withPipeline } from '../support/pipeline.ts';
import { withRedis } from '../support/redis.ts';
import { until } from '../support/until.ts';

const publicUrl = 'https://relay.example';
const silent = createLog('test', 'silent');

/** Runs a writer on a store of pages in a Redis of its own. */
async function withWriter(
  use: (
    write: (answer: string, markdown: string, asked?: string) => Promise<string[]>,
    pages: PageStore,
  ) => Promise<void>,
): Promise<void> {
  await withRedis(async (redis) => {
    const pages = createPageStore(redis);
    await use(createAnswerWriter({ pages, publicUrl, days: 30, log: silent }), pages);
  });
}

test('an answer of up to three messages is sent as messages, a blank one as none', async () => {
  await withWriter(async (write) => {
    expect(await write('a', '**Done**')).toEqual(['*Done*']);
    expect(await write('b', ' \n ')).toEqual([]);
    const three = Array.from({ length: 3 }, () => 'word '.repeat(250)).join('\n\n');
    expect(await write('c', three)).toEqual(chunk(format(three)));
    expect(chunk(format(three))).toHaveLength(3);
    expect((await write('d', `${three}\n\n${'word '.repeat(250)}`))[1]).toContain('/page/');
  });
});

test('a longer one is its opening and a link, to a page of the whole', async () => {
  await withWriter(async (write, pages) => {
    const markdown = writeMarkdown(9000);
    const [opening = '', link = '', ...more] = await write('answer', markdown, 'what is it');
    expect(more).toEqual([]);
    expect(opening.length).toBeGreaterThan(messageLimit / 2);
    expect(opening.length).toBeLessThanOrEqual(messageLimit);
    expect(format(markdown).startsWith(opening.replace(/\n```$/, ''))).toBe(true);
    expect(link).toMatch(
      /^That is the beginning\. Read it all here, about \d+ min \(the link works for 30 days\):\nhttps:\/\/relay\.example\/page\/[\w-]{50}$/,
    );
    const page = await pages.find(link.slice(-50));
    expect([page?.markdown, page?.asked]).toEqual([markdown, 'what is it']);
    expect(await write('answer', markdown)).toEqual([opening, link]);
    expect((await write('another', markdown))[1]).not.toBe(link);
  });
});

test('an opening that breaks off within a sentence says so', async () => {
  await withWriter(async (write) => {
    const [opening = ''] = await write('answer', 'word '.repeat(2000));
    expect(opening).toMatch(/word …$/);
    expect(opening.length).toBeLessThanOrEqual(messageLimit);
  });
});

test('when its page cannot be kept, an answer is sent in as many messages as it takes', async () => {
  const full: PageStore = {
    put: async () => undefined,
    append: async () => undefined,
    drop: async () => false,
    find: async () => undefined,
  };
  const lines: string[] = [];
  const log = createLog('worker', 'info', { write: (line) => void lines.push(line) });
  const markdown = writeMarkdown(9000);
  expect(
    await createAnswerWriter({ pages: full, publicUrl, days: 1, log })('answer', markdown),
  ).toEqual(chunk(format(markdown)));
  expect(lines.filter((line) => line.includes('no room for a page'))).toHaveLength(1);
});

test('an answer that says nothing is still an answer', async () => {
  await withPipeline({}, async ({ say, replies, startWorker }) => {
    await startWorker({ answer: async () => ' \n' });
    await say('do it');
    await until('the answer', () => replies().length > 0);
    expect(replies().map((reply) => reply.text)).toEqual(['Done.']);
  });
});
