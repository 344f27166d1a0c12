/** One line of at most `length` UTF-16 units. What is longer ends with “…”; no grapheme cluster (an emoji) is halved. */
export function cut(text: string, length: number): string {
  const line = text.toWellFormed().replaceAll(/[\p{Cc}\s]+/gu, ' ').trim();
  if (line.length <= length) return line;
  let kept = '';
  for (const { segment } of new Intl.Segmenter().segment(line)) {
    if (kept.length + segment.length > length - 1) break;
    kept += segment;
  }
  return `${kept.trimEnd()}…`;
}
