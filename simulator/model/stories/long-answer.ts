import { text } from '../answer.ts';
import type { Story } from './story.ts';

const usual = 4_000;
const longest = 100_000;
const sizePattern = /\b(\d[\d,.]*) ?(?:characters|chars)\b/i;
const sentence = 'The quick brown fox jumps over the lazy dog, and the dog does not mind. ';

/**
 * `long answer` or `N characters`: Markdown of exactly the asked length, to see how it is cut for
 * the phone.
 */
export const longAnswer: Story = {
  matches: (asked) =>
    /\blong (?:answer|message|reply|text)\b/i.test(asked) || sizePattern.test(asked),
  next: (_view, asked) =>
    text(
      writeMarkdown(
        Math.min(longest, Number(sizePattern.exec(asked)?.[1]?.replace(/[,.]/g, '') ?? usual)),
      ),
    ),
};

/**
 * Markdown with headings, lists, tables and code fences, none of them cut open, of exactly `length`
 * characters.
 */
export function writeMarkdown(length: number): string {
  let markdown = '';
  for (let number = 1; ; number += 1) {
    const section = writeSection(number);
    if (markdown.length + section.length > length) break;
    markdown += section;
  }
  const missing = length - markdown.length;
  const filler = sentence.repeat(Math.ceil(missing / sentence.length)).slice(0, missing);
  return markdown + filler.replace(/ $/, '.');
}

function writeSection(number: number): string {
  const list = ['first', 'second', 'third']
    .map((place) => `- The **${place}** point of section ${number}`)
    .join('\n');
  const table = [
    '| Name | Value |',
    '| --- | ---: |',
    `| section | ${number} |`,
    `| square | ${number * number} |`,
  ].join('\n');
  const code = [
    '```ts',
    `const section = ${number};`,
    'export const double = section * 2;',
    '```',
  ].join('\n');
  return [`## Section ${number}`, sentence.repeat(3).trim(), list, table, code, ''].join('\n\n');
}
