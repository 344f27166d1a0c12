import { assert, property, string } from 'fast-check';
import { expect, test } from 'vitest';
import { nameForPerson } from '../../worker/tools/file-name.ts';
import { anyCharacter } from '../support/any-character.ts';

test.each([
  ['/w/report.pdf', 'report.pdf'],
  ['/w/Größe 日本 👩‍👩‍👧.txt', 'Größe 日本 👩‍👩‍👧.txt'],
  ['/w/photo\u202Egpj.exe', 'photogpj.exe'],
  ['/w/a\nPay at evil.example\r.txt', 'aPay at evil.example.txt'],
  ['/w/\u2066x\u2069\u200e\u2028\u001b[31m.txt', 'x[31m.txt'],
  ['/w/half \ud83d.txt', 'half \ufffd.txt'],
  ['/w/\u200b', 'file'],
  ['/', 'file'],
  [`/w/${'x'.repeat(300)}.tar.gz`, `${'x'.repeat(96)}….gz`],
  [`/w/x.${'y'.repeat(300)}`, `x.${'y'.repeat(97)}…`],
])('%j is called %j', (file, name) => {
  expect(nameForPerson(file)).toBe(name);
});

test('whatever it is called, its name is one short line without what turns a line around', () => {
  assert(
    property(string({ unit: anyCharacter, maxLength: 300 }), (text) => {
      const name = nameForPerson(`/w/${text}`);
      expect(name.length).toBeLessThanOrEqual(100);
      expect(name.length).toBeGreaterThan(0);
      expect(name.isWellFormed()).toBe(true);
      expect(name).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}\u200e\u200f\u202a-\u202e\u2066-\u2069]/u);
    }),
    { numRuns: 300 },
  );
});
