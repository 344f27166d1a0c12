import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { chunk, messageLimit } from '../../worker/reply/chunk.ts';
import { format } from '../../worker/reply/format.ts';
import { findCutFaults } from '../support/cut-faults.ts';
import { anyCharacter } from '../support/any-character.ts';

test.each([
  ['# Done\n\nThe **login** page', '*Done*\n\nThe *login* page'],
  ['*a* and _b_ and ***c***', '_a_ and _b_ and _*c*_'],
  ['~~old~~ `npm test`', '~old~ `npm test`'],
  ['[the PR](https://example.com/1)', 'the PR (https://example.com/1)'],
  ['<https://example.com>', 'https://example.com'],
  ['https://example.com/a_b_c', 'https://example.com/a_b_c'],
  [
    '[up](#top) and ![a chart](https://example.com/c.png)',
    'up and a chart (https://example.com/c.png)',
  ],
  ['3. three\n4. four', '3. three\n4. four'],
  ['- [x] done\n- [ ] open\n\n  more', '☑ done\n\n☐ open\n    more'],
  ['> said\n> twice\n>\n> more', '> said\n> twice\n\n> more'],
  ['> so:\n>\n> ```\n> a\n> ```', '> so:\n\n```\na\n```'],
  ['```ts\nconst a = 1;\n```', '```\nconst a = 1;\n```'],
  ['- first:\n\n  ```\n  a\n    b\n  ```', '- first:\n```\na\n  b\n```'],
  ['- ```\n  a\n  ```', '-\n```\na\n```'],
  ['`` a`b ``', '```a`b```'],
  [
    'a & b < c &amp; d &nbsp;&mdash; &#8364; &nothing; `&amp;`',
    'a & b < c & d \u00a0— € &nothing; `&amp;`',
  ],
  ['Array<string> <kbd>Esc</kbd> one<br>two', 'Array<string> <kbd>Esc</kbd> one\ntwo'],
  ['replace <b> with the branch, x<sup>2</sup>', 'replace <b> with the branch, x<sup>2</sup>'],
  ['<details><summary>More</summary>\n\nThe rest', '<details><summary>More</summary>\n\nThe rest'],
  ['one\n\n---\n\ntwo', 'one\n\n———\n\ntwo'],
  ['## **Bold** heading', '*Bold heading*'],
  ['un**believ**able and **Note**: yes', 'un**believ**able and *Note*: yes'],
  ['__init__.py and __name__, but __two words__', '__init__.py and __name__, but *two words*'],
  ['2*3*4 and 5 * 4 and 5 \\* 4', '2*3*4 and 5 * 4 and 5 * 4'],
  [
    'C:\\Users\\me\\_data and \\d+\\.\\d+ and \\\\server\\share',
    'C:\\Users\\me\\_data and \\d+\\.\\d+ and \\\\server\\share',
  ],
  ['src/**/*.ts and lib/**/*.ts', 'src/**/*.ts and lib/**/*.ts'],
  ['1_000_000 and ~5 km, ~6 km and a~b~c', '1_000_000 and ~5 km, ~6 km and a~b~c'],
  ['\u001b[31mred\u001b[0m and \u0007bell', 'red and bell'],
  ['这是**重要**的，**好**。', '这是**重要**的，*好*。'],
  ['snake_case_name and 2 * 3 * 4', 'snake_case_name and 2 * 3 * 4'],
])('%j becomes %j', (markdown, expected) => {
  expect(format(markdown)).toBe(expected);
});

test('the points of a list within a list look like points, without a mark of WhatsApp’s', () => {
  expect(format('- one\n- two\n  - three\n    - four\n  - [x] five\n    1. six')).toBe(
    '- one\n- two\n    ◦ three\n        ▪ four\n    ☑ five\n        1. six',
  );
});

test('a narrow table is aligned text, numbers to the right, an emoji two columns wide', () => {
  expect(format('| a | b |\n|---|---|\n| 1 | 22 |')).toBe('```\na  b\n─  ──\n1  22\n```');
  expect(format('| test | `ms` |\n|---|---:|\n| login ✅ | **1200** |\n| 登录 | 7 |')).toBe(
    '```\ntest        ms\n────────  ────\nlogin ✅  1200\n登录         7\n```',
  );
});

test('a wide table becomes a list that names its columns', () => {
  const wide =
    '| file | what was wrong with it | state |\n|---|---|---|\n| login.css | the `button` was below the fold on phones | mended |\n| a.css | | open |';
  expect(format(wide)).toBe(
    '*file: login.css*\nwhat was wrong with it: the `button` was below the fold on phones\nstate: mended\n\n*file: a.css*\nwhat was wrong with it: –\nstate: open',
  );
  expect(
    format(
      '| Command | What it does |\n|---|---|\n| `npm test` | runs every test there is, twice |',
    ),
  ).toBe('_Command · What it does_\n- *npm test*: runs every test there is, twice');
  expect(format('| a heading that is longer | than any phone is wide |\n|---|---|')).toBe(
    '_a heading that is longer · than any phone is wide_',
  );
});

const say = fc.array(
  fc.nat({ max: 99_999 }).map((number) => `w${number}x`),
  { minLength: 1, maxLength: 30, size: 'max' },
);
const spoken = say.chain((words) =>
  fc
    .constantFrom<(text: string) => string>(
      (text) => text,
      (text) => `**${text}**`,
      (text) => `_${text}_`,
      (text) => `~~${text}~~`,
      (text) => `\`${text}\``,
      (text) => `[${text}](https://example.com/x)`,
      (text) => `<b>${text}</b>`,
    )
    .map((wrap) => ({ words, text: wrap(words.join(' ')) })),
);
const block = fc.array(spoken, { minLength: 3, maxLength: 3 }).chain((spans) => {
  const [a = '', b = '', c = ''] = spans.map((span) => span.text);
  return fc
    .constantFrom(
      `# ${a}\n\n${b} ${c}`,
      `- ${a}\n  - ${b}\n    - ${c}`,
      `1. ${a}\n\n   ${b}\n\n   > ${c}\n2. ${a}`,
      `> ${a}\n>\n> - ${b}\n> - [ ] ${c}`,
      `\`\`\`js\n${a}\n\n${b}\n\`\`\`\n\n${c}`,
      `| ${a} | ${b} |\n|---|--:|\n| ${c} | 1 |`,
      `| ${a} | ${b} | n |\n|---|---|---|\n| ${c} | | 3 |`,
      `${a}  \n${b}\\\n${c}`,
      `<div>${a}</div>\n\n<details><summary>${b}</summary>\n\n${c}\n</details>`,
      `| ${a} |\n|---|\n| ${b}<br>${c} |`,
    )
    .map((markdown) => ({ words: spans.flatMap((span) => span.words), markdown }));
});

test('every word of a Markdown text is still there, in messages that fit and are cut between words', () => {
  fc.assert(
    fc.property(fc.array(block, { minLength: 1, maxLength: 8, size: 'max' }), (blocks) => {
      const text = format(blocks.map(({ markdown }) => markdown).join('\n\n'));
      const parts = chunk(text);
      const said = new Set(parts.join('\n').match(/w\d+x/g));
      expect(blocks.flatMap(({ words }) => words).filter((word) => !said.has(word))).toEqual([]);
      expect(findCutFaults(text, parts, messageLimit)).toEqual([]);
    }),
    { seed: 20261124, numRuns: 200, interruptAfterTimeLimit: 15_000 },
  );
});

test('a text that is nested too deeply to be read is said as it is written', () => {
  const deep = `${'>'.repeat(20_000)} deep`;
  expect(format(deep)).toBe(deep);
});

test('any text at all can be formatted', () => {
  const marks = fc.string({
    unit: fc.constantFrom(
      'a',
      ' ',
      '\n',
      '`',
      '```',
      '*',
      '**',
      '_',
      '~~',
      '> ',
      '- ',
      '1. ',
      '|',
      '\n|-|-|\n',
      '[',
      '](',
      ')',
      '<',
      '>',
      '</',
      '&amp;',
      '#',
      '\\',
      '---',
      '\t',
      'https://x.example/',
    ),
    maxLength: 400,
    size: 'max',
  });
  fc.assert(
    fc.property(
      fc.oneof(marks, fc.string({ unit: anyCharacter, maxLength: 500, size: 'max' })),
      (markdown) => {
        expect(findCutFaults(format(markdown), chunk(format(markdown), 200), 200)).toEqual([]);
      },
    ),
    { seed: 20261124, numRuns: 300, interruptAfterTimeLimit: 15_000 },
  );
});
