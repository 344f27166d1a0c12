import { assert, nat, property, string } from 'fast-check';
import { expect, test } from 'vitest';
import { createLog } from '../../shared/runtime/log.ts';
import { blankMark, createBlank } from '../../worker/secrets/blanking.ts';
import { createHidden } from '../../worker/secrets/hidden.ts';

const value = 'ghp_16C7e42F/292c+6912=E7 710c838347Ae178B4a';
const blank = createBlank([{ name: 'TOKEN', value }]);
const mark = blankMark('TOKEN');

test('a value is blanked wherever it is, and nothing else', () => {
  expect(blank(`It is ${value}, and ${value}.`)).toBe(`It is ${mark}, and ${mark}.`);
  expect(blank('It is ghp_16C7e42F, or so.')).toBe('It is ghp_16C7e42F, or so.');
  expect(createBlank([])('as it was …')).toBe('as it was …');
});

test('its usual encodings are blanked: base64 at any place, addresses, JSON, HTML, shell, hexadecimal', () => {
  const odd = `a'b"c&d<e>\\f\ng`;
  const hides = createBlank([{ name: 'ODD', value: odd }]);
  for (const text of [
    JSON.stringify({ odd }),
    JSON.stringify(JSON.stringify({ odd })),
    `'${odd.replaceAll("'", String.raw`'\''`)}'`,
    encodeURIComponent(odd),
    odd.replaceAll('\n', '\r\n'),
    // Python's and Node's.
    String.raw`'a\'b"c&d<e>\\f\ng'`,
    // A template's.
    'a&#39;b&#34;c&amp;d&lt;e&gt;\\f\ng',
  ])
    expect(hides(text)).toContain(blankMark('ODD'));
  const [pass, word] = ['p$a`b"c\\d/é_ !', "it's-é/long enough"];
  const hidesBoth = createBlank([
    { name: 'PASS', value: pass },
    { name: 'WORD', value: word },
  ]);
  for (const text of [
    // `declare -p`, `printf %q`, PHP's JSON, Python's, `sh` with its `export -p`, `xxd -p -u`.
    'declare -x PASS="p\\$a\\`b\\"c\\\\d/é_ !"',
    'p\\$a\\`b\\"c\\\\d/\\é_\\ \\!',
    '{"pass":"p$a`b\\"c\\\\d\\/é_ !"}',
    '{"pass": "p$a`b\\"c\\\\d/\\u00e9_ !"}',
    `export WORD='it'"'"'s-é/long enough'`,
    '<a title="it&#x27;s-é/long enough">',
    Buffer.from(word).toString('hex').toUpperCase(),
  ])
    expect(hidesBoth(text)).toContain('•••');
  for (const text of [
    encodeURIComponent(value),
    encodeURIComponent(value).replaceAll(/%[0-9A-F]{2}/g, (found) => found.toLowerCase()),
    new URLSearchParams({ token: value }).toString(),
    Buffer.from(value).toString('hex'),
    Buffer.from(`${value}\n`).toString('base64'),
    Buffer.from(value).toString('base64url'),
    Buffer.from(`x-access-token:${value}`).toString('base64'),
    Buffer.from(`user:${value}:more`).toString('base64'),
    Buffer.from(`me:${value}`).toString('base64'),
  ]) {
    expect(blank(`<${text}>`)).toContain(mark);
    // What is left of it is less than could be looked for.
    expect(blank(text).replaceAll(mark, '').length).toBeLessThan(24);
  }
});

test('of a value with lines each line is blanked alone, and base64 that is broken into lines', () => {
  const lines = ['A'.repeat(64), 'Bq'.repeat(32), 'short'];
  const pem = `-----BEGIN KEY-----\n${lines.join('\n')}\n-----END KEY-----`;
  const hides = createBlank([{ name: 'PEM', value: pem }]);
  expect(hides(`> ${lines[0]}\n> ${lines[1]}`)).toBe(
    `> ${blankMark('PEM')}\n> ${blankMark('PEM')}`,
  );
  expect(hides('-----BEGIN KEY-----')).toBe('-----BEGIN KEY-----');
  const encoded = Buffer.from(pem).toString('base64');
  for (const size of [76, 64]) {
    const wrapped = encoded.match(new RegExp(`.{1,${size}}`, 'g')) ?? [];
    const left = hides(wrapped.join('\n')).replaceAll(blankMark('PEM'), '').trim();
    expect(left.length).toBeLessThan(20);
  }
});

test('what is left of a value before the “…” of a text that was cut is blanked, too', () => {
  for (let length = 6; length < value.length; length += 1)
    expect(blank(`curl -H ${value.slice(0, length)}…`)).toBe(`curl -H ${mark}…`);
  expect(blank(`one ${value.slice(0, 9)}… two ${value.slice(0, 20)}… three`)).toBe(
    `one ${mark}… two ${mark}… three`,
  );
  expect(blank('git push…')).toBe('git push…');
});

test('a value is blanked wherever line breaks split it, and in the pieces of an output that come one after the other', () => {
  for (let at = 1; at < value.length; at += 1) {
    const [head, tail] = [value.slice(0, at), value.slice(at)];
    for (const gap of ['\n', '\r\n', '\n\n'])
      expect(blank(`<${head}${gap}${tail}>`)).toBe(`<${mark}>`);
    const left = [
      blank(`begin ${head}`, true),
      blank(`<status>running</status>\n<stdout>\n${tail} end\n</stdout>`, true),
    ].join('');
    expect(
      left.replaceAll(mark, '').replace(/begin |<\/?\w+>|running|\n| end/g, '').length,
    ).toBeLessThan(6);
  }
  expect(blank('ghp_16 C7e42F, B4a', true)).toBe('ghp_16 C7e42F, B4a');
  expect(blank(Buffer.from(value).toString('base64').replaceAll(/.{10}/g, '$&\n'))).toContain(mark);
});

test('a longer secret is blanked before one that is a part of it', () => {
  const both = createBlank([
    { name: 'SHORT', value: 'abcdef' },
    { name: 'LONG', value: 'abcdefghijkl' },
  ]);
  expect(both('abcdefghijkl abcdef')).toBe(`${blankMark('LONG')} ${blankMark('SHORT')}`);
});

test('whatever a secret is, it is gone from a text around it in any encoding', () => {
  const encode: ((text: string) => string)[] = [
    (text) => text,
    (text) => JSON.stringify(text),
    (text) => encodeURIComponent(text),
    (text) => Buffer.from(text).toString('base64'),
    (text) => Buffer.from(text).toString('hex'),
  ];
  assert(
    property(
      string({ unit: 'grapheme', minLength: 6, maxLength: 60 }).filter((text) => text.length >= 6),
      string({ maxLength: 5 }),
      string({ maxLength: 5 }),
      nat(encode.length - 1),
      (secret, before, after, which) => {
        const text = encode[which]?.(`${before}${secret}${after}`) ?? '';
        expect(createBlank([{ name: 'S', value: secret }])(text)).toContain(blankMark('S'));
      },
    ),
    { numRuns: 300 },
  );
});

test('each person’s values are blanked for them alone, and everybody’s in the log; a replaced one stays blanked', () => {
  const hidden = createHidden();
  hidden.add('ann', [{ name: 'A', value: 'first of ann' }]);
  hidden.add('bob', [{ name: 'B', value: 'first of bob' }]);
  hidden.add('ann', [{ name: 'A', value: 'second of ann' }]);
  const text = 'first of ann, second of ann, first of bob';
  const [a, b] = [blankMark('A'), blankMark('B')];
  expect(hidden.blankFor('ann')(text)).toBe(`${a}, ${a}, first of bob`);
  expect(hidden.blankFor('bob')(text)).toBe(`first of ann, second of ann, ${b}`);
  expect(hidden.blankFor('eve')(text)).toBe(text);
  const lines: string[] = [];
  const log = createLog(
    'test',
    'info',
    { write: (line) => void lines.push(line) },
    hidden.blankAll,
  );
  log.info({ err: new Error('first of bob'), deep: { note: 'second of ann' } }, 'first of ann');
  expect(lines.join('')).not.toMatch(/(?:first|second) of/);
  expect(JSON.parse(lines.join(''))).toMatchObject({ msg: a, deep: { note: a } });
});
