const graphemes = new Intl.Segmenter('und', { granularity: 'grapheme' });

/**
 * Room that a part may need for closing a fence, opening it again, or going on with a quote (UTF-16
 * units).
 */
const reserve = 40;

/**
 * What is wrong with the parts that a text was cut into at `limit`, in words: one that is too long
 * or blank, something that is lost or added, a cut within a word or a character that would have
 * fitted a part. Written without a look at how the cutting is done: it follows the text through the
 * parts.
 */
export function findCutFaults(text: string, parts: string[], limit: number): string[] {
  const cuts = follow(text, parts);
  return [
    ...parts.flatMap((part) => (part.length > limit ? [`a part has ${part.length} units`] : [])),
    ...parts.flatMap((part) => (part.trim() === '' ? ['a part is blank'] : [])),
    ...(cuts === undefined
      ? ['the parts are not the text']
      : cuts.flatMap((cut) => findBreakage(text, cut, limit))),
  ];
}

/**
 * Where the text is cut (indices of what comes after), or undefined when the parts do not say the
 * text, blanks aside.
 */
function follow(text: string, parts: string[]): number[] | undefined {
  const letters = [...text.matchAll(/\S/g)].map((match) => match.index);
  const plain = text.replaceAll(/\s/g, '');
  const hopeless = new Set<string>();
  const search = (part: number, at: number): number[] | undefined => {
    if (hopeless.has(`${part} ${at}`)) return undefined;
    if (part === parts.length) return at === plain.length ? [] : undefined;
    for (const body of readings(parts[part] ?? '', part > 0, part < parts.length - 1)) {
      const said = body.replaceAll(/\s/g, '');
      if (!plain.startsWith(said, at)) continue;
      const rest = search(part + 1, at + said.length);
      if (rest)
        return part === parts.length - 1 ? [] : [letters[at + said.length] ?? text.length, ...rest];
    }
    hopeless.add(`${part} ${at}`);
    return undefined;
  };
  return search(0, 0);
}

/**
 * A part may begin with a fence or quote marks, and end with a fence, that the text does not have
 * there.
 */
function readings(part: string, mayOpen: boolean, mayClose: boolean): string[] {
  // A quote of quotes: any number of its marks may be repeated, and the text may go on with marks
  // of its own.
  const marks = [...(/^[> ]{1,24}/.exec(part)?.[0] ?? '')].map((_, index) => index + 1);
  const opened = mayOpen
    ? [part, part.replace(/^\s*```[^`\n]*\n/, ''), ...marks.map((mark) => part.slice(mark))]
    : [part];
  const closed = mayClose ? opened.flatMap((body) => [body, body.replace(/\n```$/, '')]) : opened;
  return [...new Set(closed)];
}

/**
 * Blanks at which a line may break: not the no-break ones, nor those that make one character with
 * the mark after them.
 */
const breakable =
  /[^\S\u00a0\u2007\u202f\ufeff]+(?![^\S\u00a0\u2007\u202f\ufeff]|\p{Grapheme_Extend}|\p{M}|\p{Emoji_Modifier}|\u200d)/gu;

/** The word around a place, and where it begins. */
function wordAround(text: string, place: number): { word: string; from: number } {
  const blanks = [...text.matchAll(breakable)];
  const before = blanks.findLast((blank) => blank.index < place);
  const from = before ? before.index + before[0].length : 0;
  return { word: text.slice(from, blanks.find((blank) => blank.index >= place)?.index), from };
}

function findBreakage(text: string, cut: number, limit: number): string[] {
  if (/\s/.test(text[cut - 1] ?? ' ')) return [];
  // Languages that write no blanks have ends of sentences, too.
  if (/[。！？；…，、：」』”’）》]/.test(text[cut - 1] ?? '')) return [];
  const { word, from } = wordAround(text, cut);
  const at = cut - from;
  const character = [...graphemes.segment(word)].find(
    ({ index, segment }) => index < at && at < index + segment.length,
  );
  const link = [...word.matchAll(/https?:\/\/[\x21-\x7e]+/g)].find(
    (match) => match.index < at && at < match.index + match[0].length,
  );
  return [
    ...(word.length <= limit - reserve ? [`“${word}” is cut at ${at}`] : []),
    ...(character && character.segment.length <= limit / 2
      ? [`a character of ${character.segment.length} units is cut`]
      : []),
    ...(link && link[0].length <= limit / 2 ? [`the link ${link[0]} is cut`] : []),
    ...(/[\ud800-\udbff]/.test(text[cut - 1] ?? '') && /[\udc00-\udfff]/.test(text[cut] ?? '')
      ? ['a surrogate pair is cut']
      : []),
  ];
}
