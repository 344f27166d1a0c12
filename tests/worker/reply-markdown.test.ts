import { createRequire } from 'node:module';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { format } from '../../worker/reply/format.ts';
import { hasEveryWord, isDisputed } from '../support/markdown-disputes.ts';
import { findMarkdownFault } from '../support/markdown-faults.ts';
import { writeProse } from '../support/markdown-prose.ts';
import { createRandom } from '../support/random.ts';
import { readWhatsapp } from '../support/whatsapp-reader.ts';

const Examples = z.object({
  tests: z.array(z.object({ number: z.number(), markdown: z.string() })),
});
const { tests: examples } = Examples.parse(createRequire(import.meta.url)('commonmark-spec'));

/** Examples of CommonMark that WhatsApp cannot show, each with its reason. */
const exempt = new Map([
  [344, 'a lone backtick and one in a tag make code for WhatsApp, which knows no escapes'],
]);

/** GFM's own syntax, written after the specification, of which there is no package. */
const gfm = [
  '| foo | bar |\n| --- | --- |\n| baz | bim |',
  '| abc | defghi |\n:-: | -----------:\nbar | baz',
  '| f\\|oo  |\n| ------ |\n| b `\\|` az |\n| b **\\|** im |',
  '| abc | def |\n| --- | --- |\n| bar | baz |\n> bar',
  '| abc | def |\n| --- | --- |\n| bar | baz |\nbar\n\nbar',
  '| abc | def |\n| --- |\n| bar |',
  '| abc | def |\n| --- | --- |\n| bar |\n| bar | baz | boo |',
  '| abc | def |\n| --- | --- |',
  '| __init__.py | 2*3*4 |\n|---|---|\n| **bold** | `code` |',
  '| name | what it is for, in a few words | state |\n|---|---|---|\n| src/**/*.ts | **a** _b_ | `c` |',
  '- [ ] foo\n- [x] bar',
  '- [x] foo\n  - [ ] bar\n  - [x] baz\n- [ ] bim',
  '1. [ ] foo\n2. [x] bar',
  '~~Hi~~ Hello, ~there~ world!',
  'This ~~has a\n\nnew paragraph~~.',
  'This will ~~~not~~~ strike.',
  'a ~~b~~c and ~~ d ~~',
  'www.commonmark.org',
  'Visit www.commonmark.org/help for more information.',
  'Visit www.commonmark.org.\n\nVisit www.commonmark.org/a.b.',
  'www.google.com/search?q=Markup+(business)\n\n(www.google.com/search?q=Markup+(business))',
  'www.google.com/search?q=(business))+ok',
  'www.google.com/search?q=commonmark&hl=en',
  'www.commonmark.org/he<lp',
  'http://commonmark.org\n\n(Visit https://encrypted.google.com/search?q=Markup+(business))',
  'foo@bar.baz',
  "hello@mail+xyz.example isn't valid, but hello+xyz@mail.example is.",
  'a.b-c_d@a.b\n\na.b-c_d@a.b.\n\na.b-c_d@a.b-',
  'mailto:foo@bar.baz',
  '<strong> <title> <style> <em>\n\n<blockquote>\n  <xmp> is disallowed.\n</blockquote>',
];

/** The faults of a list of texts, each with the text and what is sent. */
function faultsOf(texts: string[]): string[] {
  return texts.flatMap((markdown) => {
    const sent = format(markdown);
    const fault = findMarkdownFault(markdown, sent);
    return fault === undefined
      ? []
      : [`${fault}: ${JSON.stringify(markdown)} as ${JSON.stringify(sent)}`];
  });
}

describe('Markdown never changes what was said:', () => {
  test('every example of CommonMark', () => {
    expect(examples.length).toBeGreaterThan(650);
    const texts = examples.filter(({ number }) => !exempt.has(number));
    expect(faultsOf(texts.map(({ markdown }) => markdown.replaceAll('→', '\t')))).toEqual([]);
    const others = examples.filter(({ number }) => exempt.has(number));
    expect(faultsOf(others.map(({ markdown }) => markdown))).toHaveLength(exempt.size);
  });

  test('tables, tasks, struck out words and addresses of GFM', () => {
    expect(faultsOf(gfm)).toEqual([]);
  });

  test('500 texts with signs, numbers, dates, paths, patterns and tags in three scripts', () => {
    const texts = Array.from({ length: 500 }, (_, index) => writeProse(createRandom(index + 1)));
    const faulty = texts.filter((markdown) => faultsOf([markdown]).length > 0);
    const disputed = faulty.filter(isDisputed);
    expect(faultsOf(faulty.filter((markdown) => !isDisputed(markdown)))).toEqual([]);
    expect(disputed.filter((markdown) => !hasEveryWord(markdown, format(markdown)))).toEqual([]);
    expect(disputed.length).toBeLessThan(texts.length / 100);
  });

  test('what was said is still there, and so is each mark', () => {
    for (const [markdown, sent] of [
      ['a.__class__.__name__', 'a.*class*.*name*'],
      ['2*3*4', '234'],
      ['C:\\Users\\me', 'C:Usersme'],
      ['replace <b> with it', 'replace  with it'],
      ['the **bold** word', 'the bold word'],
      ['the **bold** word', 'the **bold** word'],
      ['the word', 'the *word*'],
      ['\\*so\\*', '*so*'],
      ['> said', 'said'],
      ['3. three\n5. five', '3. three\n4. four'],
      ['+ 5 °C', '- 5 °C'],
      ['[a](https://ex.org/b)', 'a'],
      ['[a](https://ex.org/b.)', 'a (https://ex.org/b.)'],
      ['one two', 'onetwo'],
      ['`code`', 'code'],
      ['[INFO]: started', ''],
    ] as const)
      expect(findMarkdownFault(markdown, sent), `${markdown} as ${sent}`).toBeDefined();
  });
});

test('the reader of WhatsApp sees marks at the edges of words, right next to them, in one line', () => {
  const seen = (text: string): string =>
    readWhatsapp(text)
      .map(({ sign, styles }) => (styles === '' ? sign : `${sign}${styles}`))
      .join('');
  expect(seen('*a* _b_ ~c~ `d` ```e```')).toBe('abbicsdcec');
  expect(seen('_*a*_ x*b*y *c *')).toBe('abix*b*y*c*');
  expect(seen('**a** *b\nc* 2*3*4')).toBe('**a***bc*2*3*4');
  expect(seen('> a\n- b\n```\n*c*\n```')).toBe('aq•b*cccc*c'.replace('*cccc*c', '*ccc*c'));
});

test.each([
  ['\\*not bold\\* and 5 \\* 4 and snake\\_case', '\\*not bold\\* and 5 * 4 and snake_case'],
  ['**a \\* b\\*, c**', '**a * b\\*, c**'],
  ['~~\\# old~~ **\\[a\\]**', '~# old~ *[a]*'],
  ['# so \\*x\\*', 'so \\*x\\*'],
  ['*[bar*](/url)', '`*bar*` (/url)'],
  ['*/src/*', '`*/src/*`'],
  ['a <p title="_x_">', 'a <p `title="_x_">`'],
  ['&#42;x&#42; &gt; &lt;', '&#42;x&#42; > <'],
  ['0. zero\n1. one', '0. zero\n1. one'],
  ['3. Oktober\n5. November', '3. Oktober\n5. November'],
  ['1. a\n1. b\n1. c', '1. a\n2. b\n3. c'],
  ['2) two', '2) two'],
  ['+ 5 °C', '+ 5 °C'],
  ['1. [x] done', '1. ☑ done'],
  ['[INFO]: started', '[INFO]: started'],
  ['[a][b]\n\n[b]: https://ex.org/c', 'a (https://ex.org/c)'],
  ['[a](https://ex.org/b_(c))', 'a (https://ex.org/b_(c%29)'],
  ['[a]() and [b](https://ex.org/?a=1&amp;b=2)', 'a and b (https://ex.org/?a=1&b=2)'],
  ['www.ex.org', 'www.ex.org'],
  ['```\n```', ''],
  ['| __init__.py | 2*3*4 |\n|---|---|', '```\n__init__.py  2*3*4\n───────────  ─────\n```'],
])('%j is sent as %j', (markdown, expected) => {
  expect(format(markdown)).toBe(expected);
});
