/** Created on first use: creation takes longer than everything else this file loads. */
let segmenters: { graphemes: Intl.Segmenter; words: Intl.Segmenter } | undefined;

/**
 * How far beyond the cut a character (a grapheme cluster) may reach (UTF-16 units); the longest
 * emoji families have about 30.
 */
const lookahead = 64;

/**
 * Splits a stretch without usable blanks that is longer than `room` (UTF-16 units): at the start of
 * a word in a language without blanks, else between two characters (grapheme clusters) outside a
 * link, else between any two. Only a single character longer than `room` is itself split.
 */
export function cutWord(text: string, room: number): number {
  segmenters ??= {
    graphemes: new Intl.Segmenter('und', { granularity: 'grapheme' }),
    words: new Intl.Segmenter('und', { granularity: 'word' }),
  };
  const { graphemes, words } = segmenters;
  const near = text.slice(0, room + lookahead);
  const breaks = [...graphemes.segment(near)]
    .map((segment) => segment.index)
    .filter((index) => index > 0 && index <= room);
  const links = [...near.matchAll(/https?:\/\/[\x21-\x7e]+/g)].map((match) => ({
    from: match.index,
    to: match.index + match[0].length,
  }));
  const outside = breaks.filter(
    (place) => !links.some((link) => link.from < place && place < link.to),
  );
  const starts = new Set([...words.segment(near)].map((segment) => segment.index));
  const between = outside.filter(
    (place) => starts.has(place) && !/^[\x21-\x7e]{2}$/.test(text.slice(place - 1, place + 1)),
  );
  for (const list of [between, outside]) {
    const last = list.at(-1);
    if (last !== undefined && last >= room / 2) return last;
  }
  return breaks.at(-1) ?? (isHighSurrogate(text, room - 1) && room > 1 ? room - 1 : room);
}

function isHighSurrogate(text: string, index: number): boolean {
  const unit = text.charCodeAt(index);
  return unit >= 0xd800 && unit <= 0xdbff;
}
