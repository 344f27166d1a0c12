import { array, assert, constantFrom, oneof, property, string } from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  cutPieces,
  endOf,
  showLine,
  showText,
  warningsAbout,
} from '../../worker/questions/shown-text.ts';
import { anyCharacter } from '../support/any-character.ts';

/** Reads a shown text back: what it does not bring back, a person could not know. */
function readBack(shown: string): string {
  return shown
    .replaceAll(/\n⟨(\d+) line breaks⟩\n/g, (_, count) => '\n'.repeat(Number(count)))
    .replaceAll(/⟨(\d+) blanks⟩/g, (_, count) => ' '.repeat(Number(count)))
    .replaceAll('⇥', '\t')
    .replaceAll(/⟨U\+([0-9A-F]+)⟩/g, (_, hex) => String.fromCodePoint(Number.parseInt(hex, 16)));
}

const family = '👩‍👩‍👧‍👦';
const hostile = [
  '\u202e',
  '\u2066',
  '\u2069',
  '\u200b',
  '\u200d',
  '\ufeff',
  '\u00ad',
  '\u001b[31m',
  '\u0007',
  '\b',
  '\r',
  '\r\n',
  '\t',
  '\u0000',
  '\u00a0',
  '\u3000',
  '\u2028',
  '\u2003',
  '\u3164',
  '\u115f',
  '\uffa0',
  '\u2800',
  '\u034f',
  '\u180e',
  '\u{e0041}',
  '\ufe0f',
  '\u{e0100}',
  '\ud800',
  '\udc00',
  '\ue000',
  '\n'.repeat(60),
  ' '.repeat(200),
  '```',
  '``',
  '`',
  '⟨',
  '⟩',
  '⇥',
  '⟨U+202E⟩',
  '⟨5 line breaks⟩',
  'é',
  'e\u0301',
  `a${'\u0300'.repeat(40)}`,
  '\u0338',
  '\u20dd',
  'नमस्ते',
  'สวัสดี',
  'שלום',
  'مرحبا',
  '日本語',
  family,
  '❤️',
  '1️⃣',
  '🏴󠁧󠁢󠁥󠁮󠁧󠁿',
  '🇩🇪',
];
const anyText = array(
  oneof(
    constantFrom(...hostile),
    string({ maxLength: 8 }),
    string({ unit: anyCharacter, maxLength: 4 }),
  ),
  { maxLength: 40 },
).map((parts) => parts.join(''));
/** What no shown text may hold, apart from whole emoji. */
const hidden = /[[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}\u{2800}]--[\n\u{20}]]/v;
const withoutEmoji = (text: string): string => text.replaceAll(/\p{RGI_Emoji}/gv, '');

describe('a shown text', () => {
  test('tells the text that it shows, whatever that is', () => {
    const isRight = (text: string): boolean => readBack(showText(text)) === text;
    expect(() => assert(property(anyText, isRight), { numRuns: 500 })).not.toThrow();
  });

  test('holds nothing that cannot be seen, and does not leave its code fence', () => {
    assert(
      property(anyText, (text) => {
        const shown = showText(text);
        expect(withoutEmoji(shown)).not.toMatch(hidden);
        expect(shown).not.toContain('```');
        expect(shown).not.toMatch(/\n{4}| {24}|\p{M}{6}/u);
        expect(showLine(text)).not.toContain('\n');
      }),
      { numRuns: 500 },
    );
  });

  test('shows what hides in plain words, and leaves what people write as it is', () => {
    expect(showText('echo \u202egnp.exe\u202c; rm\u00a0x')).toBe(
      'echo ⟨U+202E⟩gnp.exe⟨U+202C⟩; rm⟨U+00A0⟩x',
    );
    expect(showText('a\x1b[8mhidden\x1b[0m\tb\rc')).toBe(
      'a⟨U+001B⟩[8mhidden⟨U+001B⟩[0m⇥b⟨U+000D⟩c',
    );
    expect(showText(`ls${'\n'.repeat(50)}rm x${' '.repeat(90)}y`)).toBe(
      'ls\n⟨50 line breaks⟩\nrm x⟨90 blanks⟩y',
    );
    expect(showText('echo ```; `date`')).toBe('echo ⟨U+0060⟩⟨U+0060⟩⟨U+0060⟩; `date`');
    for (const plain of [
      'git commit -m "Grüße, naïve café"',
      'привет мир',
      'echo שלום مرحبا',
      '日本語',
      'नमस्ते',
      family,
      '❤️ 1️⃣ 🇩🇪',
      'a\n\n\nb',
    ]) {
      expect(showText(plain)).toBe(plain);
    }
  });

  test('is told of where letters mislead', () => {
    expect(warningsAbout('rm -rf /tmp/x')).toEqual([]);
    expect(warningsAbout('привет world')).toEqual([]);
    expect(warningsAbout('curl https://раypal.com')).toEqual([
      'Careful: some of its letters only look like Latin ones.',
    ]);
    // Hebrew, Arabic, Samaritan, Mandaic, Phoenician, Old Turkic, Mende, Adlam.
    for (const letters of ['א ב', 'ا ب', 'ࠀ ࠁ', 'ࡀ ࡁ', '𐤀 𐤁', '𐰀 𐰁', '𞠀 𞠁', '𞤀 𞤁'])
      expect([letters, warningsAbout(`cp ${letters}`)]).toEqual([
        letters,
        ['Careful: parts of it run from right to left, so their order may mislead.'],
      ]);
  });

  test('is told of letters that pass for Latin ones, and not of other people’s words', () => {
    for (const misleading of [
      'сору a b',
      'echo а',
      'cat ΑΒΕ',
      'ᎪᎡᎢ x',
      'ꓡꓢ x',
      'հօ x',
      '𝚛𝚖 -rf x',
      'Ⅰs',
      'ｒｍ -rf x',
      'ɡit push',
      'ⲥⲣ x',
      '𐐬𐐺 x',
      '𐊠𐊣 x',
      'ℯcho',
      'K x',
      'ᴄᴏᴏᴋ x',
    ])
      expect([misleading, warningsAbout(misleading)]).toEqual([
        misleading,
        ['Careful: some of its letters only look like Latin ones.'],
      ]);
    for (const plain of [
      'git commit -m "Ответ: рок"',
      'echo "сор и мусор"',
      'echo "Ωμέγα και ο"',
      'git commit -m "ＡＢテスト"',
      'echo "Grüße, naïve ıspanak"',
      'բարև օր',
    ])
      expect([plain, warningsAbout(plain)]).toEqual([plain, []]);
  });

  test('is told of signs that pass for those of a shell or an address, in a command only', () => {
    for (const misleading of [
      'curl https://github.com∕kubernetes∕a@v1.zip',
      'cat foo⁄bar',
      'rm ‐rf x',
      'rm –rf x',
      'rm −rf x',
      'ls \u037e rm',
      'echo safe ； rm',
      'a＞b',
      'foo․txt',
      'echo ǃ',
      'echo ʼa; rm -rf xʼ',
      'echo ‘a; rm -rf x’',
      'echo “$(date)”',
      'cat ﹨etc',
      'a ∣ b',
    ]) {
      expect([misleading, warningsAbout(misleading)]).toEqual([
        misleading,
        ['Careful: some of its signs, such as a dash or a quotation mark, are not the usual ones.'],
      ]);
      expect(warningsAbout(misleading, 'notes.md')).toEqual([]);
    }
    for (const plain of [
      'echo “hi” – ok',
      'git commit -m "Don’t do this; it’s slow"',
      'git commit -m "修复：登录（一）"',
      'echo "1 – 2 … 3 € ™ ½ ²"',
      "grep -rn 'a|b' . > out; ls",
    ])
      expect([plain, warningsAbout(plain)]).toEqual([plain, []]);
  });
});

describe('pieces', () => {
  test('give the text again, none is too long, and no grapheme cluster is halved', () => {
    assert(
      property(anyText, (text) => {
        const shown = showText(text.repeat(6));
        const pieces = cutPieces(shown, 140);
        expect(pieces.join('')).toBe(shown);
        const starts = new Set([...new Intl.Segmenter().segment(shown)].map(({ index }) => index));
        let at = 0;
        for (const piece of pieces) {
          expect(piece.length).toBeLessThanOrEqual(140);
          expect(starts.has(at)).toBe(true);
          at += piece.length;
        }
      }),
      { numRuns: 300 },
    );
  });

  test('the end of a text is its end, whole, and within its bounds', () => {
    assert(
      property(anyText, (text) => {
        const shown = showText(text.repeat(6));
        const end = endOf(shown, 140, 5);
        expect(shown.endsWith(end)).toBe(true);
        expect(end.length).toBeLessThanOrEqual(140);
        expect(end.split('\n').length).toBeLessThanOrEqual(5);
        const starts = new Set([...new Intl.Segmenter().segment(shown)].map(({ index }) => index));
        expect(starts.has(shown.length - end.length) || end === '').toBe(true);
      }),
      { numRuns: 300 },
    );
    expect(endOf(`rm ${family}`, 5, 3)).toBe('');
    expect(endOf('one\ntwo\nthree', 100, 2)).toBe('two\nthree');
  });
});
