import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { chunk, messageLimit } from '../../worker/reply/chunk.ts';
import { findCutFaults } from '../support/cut-faults.ts';
import { anyCharacter } from '../support/any-character.ts';

const limits = fc.oneof(fc.constant(messageLimit), fc.integer({ min: 100, max: 400 }));
/**
 * The same texts in every run. Making a failing one small takes long; what was found by then is
 * reported.
 */
const runs = { seed: 20261124, numRuns: 300, interruptAfterTimeLimit: 15_000 };

const word = fc.oneof(
  fc.constantFrom('word', 'longer-word', 'é', '—', 'naïve', '明日', 'नमस्ते', 'w'.repeat(120)),
  fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
    .filter((text) => /^[^\s`*_~>。！？；…，、：]+$/.test(text)),
);
const emoji = fc.constantFrom(
  '😀',
  '👨‍👩‍👧‍👦',
  '🇩🇪',
  '🇮🇳🇧🇷',
  '👍🏽',
  '🏴󠁧󠁢󠁥󠁮󠁧󠁿',
  '❤️‍🔥',
  '1️⃣',
  '😀'.repeat(40),
  '👩🏽‍🚀'.repeat(30),
);
const link = fc
  .webUrl({ withQueryParameters: true, withFragments: true })
  .filter((url) => url.length < 80 && /^[^`*_~]+$/.test(url));
const code = fc
  .array(fc.constantFrom('npm', 'test', '--', '*x*', 'https://a.example/x'), {
    minLength: 1,
    maxLength: 6,
  })
  .map((words) => `\`${words.join(' ')}\``);
const bold = fc
  .array(fc.constantFrom('very', 'bold', 'words.', '👍🏽'), { minLength: 1, maxLength: 8 })
  .map((words) => `*${words.join(' ')}*`);
const atom = fc.oneof(word, emoji, link, code, bold);
const separator = fc.constantFrom(
  ' ',
  ' ',
  ' ',
  '. ',
  ', ',
  '\n',
  '\n\n',
  '\n- ',
  '\n  ◦ ',
  '\n1. ',
  '\n> ',
  '\n\n*Heading*\n\n',
  '\n\n```\nconst a = 1;\n\n  b();\n```\n\n',
);

/** A text as format() writes it, with the atoms it is made of. */
const written = fc
  .array(fc.tuple(atom, separator), { maxLength: 150, size: 'max' })
  .map((pairs) => ({ text: pairs.flat().join(''), atoms: pairs.map(([piece]) => piece) }));

function count(text: string, piece: string): number {
  return text.split(piece).length - 1;
}

test('a text of words, links, emoji, spans, lists, quotes and fences is said whole, and cut only between them', () => {
  fc.assert(
    fc.property(written, limits, ({ text, atoms }, limit) => {
      const parts = chunk(text, limit);
      expect(findCutFaults(text, parts, limit)).toEqual([]);
      const fitting = [...new Set(atoms)].filter((piece) => piece.length <= limit - 40);
      expect(
        fitting.filter(
          (piece) =>
            parts.reduce((sum, part) => sum + count(part, piece), 0) !== count(text, piece),
        ),
      ).toEqual([]);
    }),
    runs,
  );
});

test('of any text whatever nothing is lost, and no part is too long, blank or broken within a character', () => {
  const any = fc.oneof(
    fc.string({ unit: anyCharacter, maxLength: 3000, size: 'max' }),
    fc.string({ unit: 'grapheme', maxLength: 3000, size: 'max' }),
    fc.string({
      unit: fc.constantFrom(
        'a',
        ' ',
        '\n',
        '`',
        '```',
        '*',
        '_',
        '> ',
        '- ',
        '. ',
        '\t',
        '\u00a0',
        '\u0301',
        '\u200d',
        '😀',
        '🇩',
        '\ud83d',
        '\ude00',
        '。',
        '中',
        '\r\n',
        'https://x.example/',
      ),
      maxLength: 2000,
      size: 'max',
    }),
  );
  fc.assert(
    fc.property(any, limits, (text, limit) => {
      expect(findCutFaults(text, chunk(text, limit), limit)).toEqual([]);
    }),
    runs,
  );
});

test('a short text stays as it is, an empty one is none', () => {
  expect(chunk('  hello\nworld \n')).toEqual(['hello\nworld']);
  expect(chunk(' \n ')).toEqual([]);
  expect([1600, 1601].map((length) => chunk('x'.repeat(length)).length)).toEqual([1, 2]);
});

test('it is cut at the best place: paragraphs before lines before sentences before clauses before words', () => {
  const half = 'x'.repeat(60);
  expect(chunk(`${half}\n\n${half} y. z\n${half}`, 100)[0]).toBe(half);
  expect(chunk(`${half}. ${half} ${half}`, 100)[0]).toBe(`${half}.`);
  expect(chunk(`${half}, yes no ${half}`, 100)[0]).toBe(`${half},`);
  expect(chunk(`${half} ${half}`, 100)).toEqual([half, half]);
});

test('a heading, and a line that announces what follows, stay with it', () => {
  const half = 'x'.repeat(60);
  expect(chunk(`${half}\n\n*Heading*\n\n${half}`, 100)).toEqual([half, `*Heading*\n\n${half}`]);
  expect(chunk(`${half}\n\nThese files:\n- ${half}`, 100)).toEqual([
    half,
    `These files:\n- ${half}`,
  ]);
});

test('a span, a link and the number of a list item are not cut off', () => {
  const text = 'x'.repeat(70);
  expect(chunk(`${text} \`npm run build and test it all\` yes`, 100)).toEqual([
    text,
    '`npm run build and test it all` yes',
  ]);
  expect(chunk(`${text} *one two three. four five six* yes`, 100)).toEqual([
    text,
    '*one two three. four five six* yes',
  ]);
  expect(chunk(`${text} https://a.example/${'y'.repeat(30)}`, 100)[1]).toBe(
    `https://a.example/${'y'.repeat(30)}`,
  );
  expect(chunk(`${'x'.repeat(92)}\n1. ${'y'.repeat(90)}`, 100)).toEqual([
    'x'.repeat(92),
    `1. ${'y'.repeat(90)}`,
  ]);
});

test('a fence that is cut is closed and opened again with its language', () => {
  const lines = Array.from({ length: 20 }, (_, index) => `  const line${index} = ${index};`).join(
    '\n',
  );
  const parts = chunk(`Look:\n\`\`\`ts\n${lines}\n\`\`\`\nDone.`, 200);
  expect(parts.length).toBeGreaterThan(2);
  for (const part of parts.slice(0, -1)) expect(part.endsWith('\n```')).toBe(true);
  for (const part of parts.slice(1, -1)) expect(part.startsWith('```ts\n  const')).toBe(true);
});

test('no fence is opened for nothing: one that ends at the cut, or begins there', () => {
  const line = 'x'.repeat(90);
  expect(chunk(`\`\`\`\n${line}\n\`\`\`\n\nDone.`, 100)).toEqual([
    `\`\`\`\n${line}\n\`\`\``,
    'Done.',
  ]);
  expect(chunk(`${line}\n\`\`\`\n${line}\n\`\`\``, 100)).toEqual([line, `\`\`\`\n${line}\n\`\`\``]);
});

test('a quote that is cut within a line goes on as a quote', () => {
  const [first, second] = chunk(`> ${'quoted words '.repeat(14)}`, 100);
  expect(first?.startsWith('> quoted')).toBe(true);
  expect(second?.startsWith('> quoted')).toBe(true);
});

test('a word that no part can hold is cut between characters, and a language without blanks between its words', () => {
  expect(chunk('x'.repeat(250), 100).join('')).toBe('x'.repeat(250));
  const families = '👨‍👩‍👧‍👦'.repeat(30);
  for (const part of chunk(families, 100)) expect(part).toMatch(/^(?:👨‍👩‍👧‍👦)+$/u);
  for (const part of chunk('你好世界'.repeat(80), 101)) expect(part).toMatch(/^(?:你好|世界)+$/u);
  for (const part of chunk('今天我们修复了登录页面的问题。'.repeat(20), 100))
    expect(part).toMatch(/^今.*。$/u);
});

test('a character that fits a part is cut neither at its blank nor when it is most of the part; a link within an endless word stays whole', () => {
  const [long, longer] = ['x'.repeat(40), 'x'.repeat(50)];
  expect(chunk(`${longer} ${long} \u0301${'y'.repeat(40)}`, 100)).toEqual([
    longer,
    `${long} \u0301${'y'.repeat(40)}`,
  ]);
  const heavy = `a${'\u0301'.repeat(70)}`;
  expect(chunk(heavy.repeat(3), 100)).toEqual([heavy, heavy, heavy]);
  expect(chunk(`${'b'.repeat(30)}${heavy}`, 100)).toEqual(['b'.repeat(30), heavy]);
  expect(chunk(`${'x'.repeat(85)}(https://a.example/some/path)`, 100)).toEqual([
    `${'x'.repeat(85)}(`,
    'https://a.example/some/path)',
  ]);
});
