/**
 * One line of at most `length` UTF-16 units. What is longer ends with “…”; no grapheme cluster (an
 * emoji) is halved.
 */
export function cut(text: string, length: number): string {
  const line = text
    .toWellFormed()
    .replaceAll(/[\p{Cc}\s]+/gu, ' ')
    .trim();
  return line.length <= length ? line : ended(line, length);
}

/** The same with the text's lines kept. */
export function cutLines(text: string, length: number): string {
  const whole = text.toWellFormed();
  return whole.length <= length ? whole : ended(whole, length);
}

function ended(text: string, length: number): string {
  return `${head(text, length - 1).trimEnd()}…`;
}

/** The longest cluster that is kept whole (UTF-16 units): a family of emoji has about 40. */
const longestCluster = 64;
const longText = 5000;

/**
 * The beginning of a text: as many whole grapheme clusters as `length` UTF-16 units hold. A heap of
 * marks that no script writes is cut between two code points.
 */
export function head(text: string, length: number): string {
  if (text.length <= length) return text.toWellFormed();
  if (length <= 0) return '';
  // Flags pair from the first on; in a long text only what is near the cut is looked at.
  const from = length <= longText ? 0 : length - longestCluster;
  const near = new Intl.Segmenter().segment(text.slice(from, length + longestCluster));
  const cluster = near.containing(length - from);
  // The first cluster of the excerpt may be the end of a longer one.
  const isWhole =
    cluster !== undefined &&
    (cluster.index > 0 || from === 0) &&
    cluster.segment.length < longestCluster;
  const end = isWhole ? from + cluster.index : length;
  return text
    .slice(0, end)
    .replace(/[\uD800-\uDBFF]$/, '')
    .toWellFormed();
}
