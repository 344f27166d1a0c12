import { expect, test } from 'vitest';
import { chunk } from '../../worker/reply/chunk.ts';
import { format } from '../../worker/reply/format.ts';
import { createRandom } from '../support/random.ts';

test.each([
  ['# Done\n\nThe **login** page', '*Done*\n\nThe *login* page'],
  ['*a* and _b_ and ***c***', '_a_ and _b_ and _*c*_'],
  ['~~old~~ `npm test`', '~old~ `npm test`'],
  ['[the PR](https://example.com/1)', 'the PR (https://example.com/1)'],
  ['<https://example.com>', 'https://example.com'],
  ['https://example.com/a_b_c', 'https://example.com/a_b_c'],
  ['- one\n- two\n  - three\n  - four', '- one\n- two\n  - three\n  - four'],
  ['3. three\n4. four', '3. three\n4. four'],
  ['- [x] done\n- [ ] open', '☑ done\n☐ open'],
  ['> said\n> twice', '> said\n> twice'],
  ['```ts\nconst a = 1;\n```', '```\nconst a = 1;\n```'],
  ['a & b < c', 'a & b < c'],
  ['one\n\n---\n\ntwo', 'one\n\n———\n\ntwo'],
  ['| a | b |\n|---|---|\n| 1 | 22 |', '```\na  b\n─  ──\n1  22\n```'],
  ['## **Bold** heading', '*Bold heading*'],
  ['snake_case_name and 2 * 3 * 4', 'snake_case_name and 2 * 3 * 4'],
])('%j becomes %j', (markdown, expected) => {
  expect(format(markdown)).toBe(expected);
});

test('a wide table becomes a list that names its columns', () => {
  const wide = '| file | what was wrong with it | state |\n|---|---|---|\n| login.css | the button was below the fold on phones | mended |';
  expect(format(wide)).toBe('*login.css*\nwhat was wrong with it: the button was below the fold on phones\nstate: mended');
});

test('no text loses a word, and no part is over the limit', () => {
  const random = createRandom(20261123);
  const shapes: [(words: string) => string, ...((words: string) => string)[]] = [
    (words: string) => `# ${words}`, (words: string) => `**${words}** and more`, (words: string) => `- ${words}\n  - ${words}`, (words: string) => `1. ${words}\n2. ${words}`,
    (words: string) => `> ${words}`, (words: string) => `\`\`\`\n${words}\n\`\`\``, (words: string) => `[${words}](https://example.com/x)`, (words: string) => `| k | v |\n|---|---|\n| ${words} | ${words} |`, (words: string) => words,
  ];
  for (let round = 0; round < 500; round += 1) {
    let counter = 0;
    const words: string[] = [];
    const say = (): string => Array.from({ length: 1 + random.below(40) }, () => words[words.push(`w${(counter += 1)}x`) - 1]).join(' ');
    const markdown = Array.from({ length: 1 + random.below(12) }, () => random.pick(shapes)(say())).join('\n\n');
    const parts = chunk(format(markdown));
    for (const part of parts) expect(part.length).toBeLessThanOrEqual(1600);
    const said = new Set(parts.join(' ').match(/w\d+x/g));
    expect(words.filter((word) => !said.has(word))).toEqual([]);
  }
});
