import { expect, test } from 'vitest';
import { writeMarkdown } from '../../simulator/model/stories/long-answer.ts';
import { messageLimit } from '../../worker/reply/chunk.ts';
import { writeForChat } from '../../worker/reply/writing.ts';
import { writeText } from '../../worker/reply/written.ts';

test('a long text is written as a short one is, while everybody else is served', async () => {
  const markdown = writeMarkdown(100_000);
  // Processor time, which a busy machine does not stretch.
  const before = process.threadCpuUsage();
  const written = await writeForChat(markdown);
  const away = process.threadCpuUsage(before).user;
  const here = process.threadCpuUsage();
  expect(written).toEqual(writeText(markdown));
  expect(written.parts.length).toBeGreaterThan(50);
  // Written in this thread, all of the time would be spent in it.
  expect(away).toBeLessThan(process.threadCpuUsage(here).user);
  expect(await writeForChat('**Done**')).toEqual({ parts: ['*Done*'], opening: '', minutes: 0 });
});

test('a text that takes too long is sent as it is, and nothing of it is lost', async () => {
  const markdown = 'word '.repeat(4000);
  const { parts, opening, minutes } = await writeForChat(markdown, 1);
  expect(parts.join('')).toBe(markdown);
  expect(Math.max(...parts.map((part) => part.length))).toBeLessThanOrEqual(messageLimit);
  expect(opening).toMatch(/^word word .* …$/);
  expect(opening.length).toBeLessThanOrEqual(messageLimit);
  expect(minutes).toBeGreaterThan(5);
});
