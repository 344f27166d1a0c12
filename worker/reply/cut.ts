import { cutWord } from './cut-word.ts';
import { fenceAfterLine } from './fence.ts';

/**
 * Where a text may be split (UTF-16 index of what follows), each list ascending, from the best
 * places to those within a marked span.
 */
type Breaks = {
  paragraphs: number[];
  lines: number[];
  sentences: number[];
  clauses: number[];
  words: number[];
  any: number[];
};

/**
 * Finds the best place to split a text that is longer than `room` (UTF-16 units, at least 1): the
 * index where the next part starts, between 1 and `room`. `fence` is the first line of the code
 * fence open at the text's start.
 */
export function findCut(text: string, room: number, fence?: string): number {
  const breaks = findBreaks(text.slice(0, 2 * room + 2), fence);
  for (const list of [breaks.paragraphs, breaks.lines, breaks.sentences, breaks.clauses]) {
    const last = list.findLast((place) => place <= room);
    if (last !== undefined && last >= room / 2) return last;
  }
  for (const list of [breaks.words, breaks.any]) {
    const last = list.findLast((place) => place <= room);
    const next = list.find((place) => place > room) ?? text.length;
    // A part less than half full is better than splitting something that fits whole into the next
    // part.
    if (last !== undefined && (last >= room / 2 || next - last <= room)) return last;
  }
  return cutWord(text, room);
}

function findBreaks(text: string, fence: string | undefined): Breaks {
  const breaks: Breaks = {
    paragraphs: [],
    lines: [],
    sentences: [],
    clauses: [],
    words: [],
    any: [],
  };
  let open = fence;
  let start = 0;
  let said = '';
  for (const line of text.split('\n')) {
    const before = open;
    open = fenceAfterLine(line, open);
    addWithin(breaks, line, start, before !== undefined || open !== undefined);
    start += line.length + 1;
    if (line.trim() !== '') said = line;
    // A fence that was just opened is empty.
    if (start > text.length || (before === undefined && open !== undefined)) continue;
    breaks.any.push(start);
    breaks.words.push(start);
    if (open === undefined && leadsOn(said)) continue;
    breaks.lines.push(start);
    if (line.trim() === '' && open === undefined) breaks.paragraphs.push(start);
  }
  return breaks;
}

/** Whether a line, a heading or one such as “These files:”, belongs to what follows. */
function leadsOn(line: string): boolean {
  return line.length <= 400 && /^\s*\*[^*]{1,120}\*:?\s*$|:[*_~]?\s*$/.test(line);
}

const sentenceEnd = /(?<![.!?…])[.!?…]+[)\]"'”’»*_~`]*[^\S\n]+|[。！？；…]+[」』”’）》]*[^\S\n]*/gu;
const clauseEnd = /[,;:–—][)\]"'”’»*_~`]*[^\S\n]+|[，、：](?!\p{P})/gu;
/** White space where a line may break, which excludes Unicode's no-break spaces. */
const blank = /[^\S\n\u00a0\u2007\u202f\ufeff]+/gu;

function addWithin(breaks: Breaks, line: string, start: number, fenced: boolean): void {
  const within = new Uint8Array(line.length + 1);
  for (const { from, to } of fenced ? [] : findSpans(line)) within.fill(1, from + 1, to);
  const isFree = (place: number): boolean => within[place] !== 1;
  const indentation = line.length - line.trimStart().length;
  const ends = (pattern: RegExp): number[] =>
    [...line.matchAll(pattern)]
      .map((match) => match.index + match[0].length)
      .filter(
        (place) =>
          place < line.length && place > indentation && !joinsBlank.test(line.slice(place)),
      );
  const blanks = ends(blank);
  breaks.any.push(...blanks.map((place) => start + place));
  if (fenced) return void breaks.words.push(...blanks.map((place) => start + place));
  const [sentences, clauses] = [ends(sentenceEnd).filter(isFree), ends(clauseEnd).filter(isFree)];
  breaks.sentences.push(...sentences.map((place) => start + place));
  breaks.clauses.push(...clauses.map((place) => start + place));
  const words = new Set([...blanks.filter(isFree), ...sentences, ...clauses]);
  breaks.words.push(...[...words].sort((one, other) => one - other).map((place) => start + place));
}

/**
 * A character that forms one grapheme cluster with the blank before it (unicode.org/reports/tr29:
 * Extend, SpacingMark, ZWJ).
 */
const joinsBlank = /^(?:\p{Grapheme_Extend}|\p{M}|\p{Emoji_Modifier}|\u200d)/u;

const spanPatterns = [
  // The marker of a list item or quote, with the first word after it.
  /^\s*(?:(?:>|[-*•◦▪☐☑]|\d{1,9}[.)])[^\S\n]+)+(?=\S)./gu,
  /`[^`\n]+`/gu,
];

/** The stretches of a line that should stay together. */
function findSpans(line: string): { from: number; to: number }[] {
  const found = spanPatterns.flatMap((pattern) =>
    [...line.matchAll(pattern)].map((match) => ({
      from: match.index,
      to: match.index + match[0].length,
    })),
  );
  return [...found, ...markedSpans(line)];
}

/** Where a bold, italic or struck-out span can start, and where it can end. */
const spanStart = /(?<![\p{L}\p{N}])[*_~](?=\S)/gu;
const spanEnd = /(?<=\S)[*_~](?![\p{L}\p{N}])/gu;

/**
 * The spans between two marks of the same kind. Visits each mark once, so that a line full of marks
 * takes linear time.
 */
function markedSpans(line: string): { from: number; to: number }[] {
  const ends = new Map(['*', '_', '~'].map((sign): [string, number[]] => [sign, []]));
  for (const { 0: sign, index } of line.matchAll(spanEnd)) ends.get(sign)?.push(index);
  const passed = new Map<string, number>();
  const spans: { from: number; to: number }[] = [];
  for (const { 0: sign, index } of line.matchAll(spanStart)) {
    if (index < (spans.at(-1)?.to ?? 0)) continue;
    const places = ends.get(sign) ?? [];
    let next = passed.get(sign) ?? 0;
    while ((places[next] ?? Infinity) < index + 2) next += 1;
    passed.set(sign, next);
    const end = places[next];
    if (end !== undefined) spans.push({ from: index, to: end + 1 });
  }
  return spans;
}
