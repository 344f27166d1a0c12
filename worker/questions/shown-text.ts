import { hasLatinLookAlikes, hasSignLookAlikes } from './look-alikes.ts';

/**
 * Characters that are invisible or can be mistaken for others: control and format characters
 * (bidirectional overrides, zero-width ones, ANSI's escape), unusual blanks, characters without a
 * glyph, lone surrogates, and the signs that `showText` itself writes.
 */
const unseen =
  /[[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}\u{2800}\u{27E8}\u{27E9}\u{21E5}]--[\n\u{20}]]/v
    .source;
/**
 * Combining marks without a letter, or more on one letter than any script uses, can cover their
 * neighbours.
 */
const strayMarks = '(?<![\\p{L}\\p{M}])\\p{M}|\\p{M}{6,}';
const special = new RegExp(
  `\\p{RGI_Emoji}|\\t|\\n{4,}| {24,}|\`{3,}|${strayMarks}|${unseen}`,
  'gv',
);
const emoji = /^\p{RGI_Emoji}$/v;

/**
 * Makes every character of a text visible, so that the text on the screen is what runs: a hidden
 * character becomes ⟨U+202E⟩, a tab ⇥, four or more line breaks ⟨5 line breaks⟩, 24 or more blanks
 * ⟨30 blanks⟩, and backticks that would end a code fence ⟨U+0060⟩. Emoji and the letters of every
 * script stay. Different texts always give different results.
 */
export function showText(text: string): string {
  return text.replaceAll(special, (found) => {
    if (emoji.test(found)) return found;
    if (found === '\t') return '⇥';
    if (found.startsWith('\n')) return `\n⟨${found.length} line breaks⟩\n`;
    if (found.startsWith(' ')) return `⟨${found.length} blanks⟩`;
    return [...found].map(formatCodePoint).join('');
  });
}

/** Like showText, on one line. */
export function showLine(text: string): string {
  return showText(text).replaceAll('\n', '⟨U+000A⟩');
}

function formatCodePoint(character: string): string {
  return `⟨U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}⟩`;
}

/**
 * The blocks whose characters run from right to left, assigned or not (unicode.org,
 * DerivedBidiClass.txt: the defaults of R and AL), such as Hebrew, Arabic, Phoenician and Adlam.
 */
const rightToLeft =
  /[\u{590}-\u{8FF}\u{FB1D}-\u{FDCF}\u{FDF0}-\u{FDFF}\u{FE70}-\u{FEFE}\u{10800}-\u{10FFF}\u{1E800}-\u{1EFFF}]/u;

/**
 * Warnings about a text whose characters are all visible but can still mislead. `command` is the
 * part of it that a program reads sign by sign; prose has signs of every kind.
 */
export function warningsAbout(text: string, command: string = text): string[] {
  return [
    ...(rightToLeft.test(text)
      ? ['Careful: parts of it run from right to left, so their order may mislead.']
      : []),
    ...(hasLatinLookAlikes(text)
      ? ['Careful: some of its letters only look like Latin ones.']
      : []),
    ...(hasSignLookAlikes(command)
      ? ['Careful: some of its signs, such as a dash or a quotation mark, are not the usual ones.']
      : []),
  ];
}

/**
 * The longest grapheme cluster that `showText` keeps has about 40 UTF-16 units, a family of emoji.
 */
const longestCluster = 64;

/**
 * Splits a text into pieces of at most `room` UTF-16 units (more than 128) whose concatenation is
 * the text: after a line break or a blank in the second half of a piece if there is one, else
 * between two grapheme clusters.
 */
export function cutPieces(text: string, room: number): string[] {
  const pieces: string[] = [];
  for (let rest = text; rest !== '';) {
    const end = findEnd(rest, room);
    pieces.push(rest.slice(0, end));
    rest = rest.slice(end);
  }
  return pieces;
}

function findEnd(text: string, room: number): number {
  if (text.length <= room) return text.length;
  const head = text.slice(0, room);
  for (const sign of ['\n', ' ']) {
    const end = head.lastIndexOf(sign) + 1;
    if (end > room / 2) return end;
  }
  return clusterAt(text, room).start || room;
}

/**
 * The end of a text: at most `room` UTF-16 units and `lines` lines, starting with a whole grapheme
 * cluster.
 */
export function endOf(text: string, room: number, lines: number): string {
  let from = Math.max(text.length - room, 0);
  if (from > 0) {
    const cluster = clusterAt(text, from);
    if (cluster.start < from) from = cluster.end;
  }
  const last = text.slice(from).split('\n');
  return last.slice(-lines).join('\n');
}

/** The grapheme cluster around the unit at an index. */
function clusterAt(text: string, index: number): { start: number; end: number } {
  const edge = Math.max(index - longestCluster, 0);
  // An excerpt must not start within a surrogate pair.
  const from = edge > 0 && /[\uDC00-\uDFFF]/.test(text.charAt(edge)) ? edge - 1 : edge;
  const near = new Intl.Segmenter().segment(text.slice(from, index + longestCluster));
  const found = near.containing(index - from);
  if (!found) return { start: index, end: index };
  return { start: from + found.index, end: from + found.index + found.segment.length };
}
