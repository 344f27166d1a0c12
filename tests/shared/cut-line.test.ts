import { expect, test } from 'vitest';
import { cut } from '../../shared/runtime/cut.ts';

test('a line is cut to its length, between characters as people see them, and is well formed', () => {
  expect(cut('short', 5)).toBe('short');
  expect(cut('1234567', 5)).toBe('1234…');
  expect(cut('a\n\tb \u0000 c', 20)).toBe('a b c');
  expect(cut('half \ud83d', 20)).toBe('half \ufffd');
  const family = '👩‍👩‍👧';
  expect(cut(`ab${family}cd`, 9)).toBe('ab…');
  expect(cut(`ab${family}cdef`, 11)).toBe(`ab${family}…`);
  for (let length = 1; length < 30; length += 1) {
    const line = cut(`é${family}🎱\ud83d x`.repeat(9), length);
    expect([length, line.length <= length, line.isWellFormed()]).toEqual([length, true, true]);
  }
});
