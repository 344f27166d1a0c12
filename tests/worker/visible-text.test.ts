import { expect, test } from 'vitest';
import { visibleText } from '../../worker/agent/visible-text.ts';

test.each([
  ['run\u200b the\u00ad tests', 'run the tests'],
  ['\u202edelete\u2069 \ufeffit\u200f', 'delete it'],
  // Tags, a supplementary variation selector, a filler and a private character carry hidden words.
  ['say hi\u{e0072}\u{e006d}\u{e0101}\u3164\u{f0000}', 'say hi'],
  ['a\u0007b\u001b[31mc', 'ab[31mc'],
  ['half \ud83d pair', 'half  pair'],
  ['\u200d\u200cbits\u200c\u200d\u200c\u200d here\u200d', 'bits here'],
  [' two\n\nlines\tand more ', 'two lines and more'],
  ['\u200b\u2060\u202e', ''],
  ['می\u200cخواهم', 'می\u200cخواهم'],
  ['क्\u200dष', 'क्\u200dष'],
  ['👩\u200d👩\u200d👧 ❤\ufe0f 完成', '👩\u200d👩\u200d👧 ❤\ufe0f 完成'],
])('%j is shown as %j', (text, shown) => {
  expect(visibleText(text)).toBe(shown);
});
