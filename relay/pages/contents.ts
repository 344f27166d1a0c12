import { escapeHtml } from './document.ts';

/** A heading of a page: its rank (1 to 6), its plain text and its anchor. */
export type Heading = { depth: number; text: string; id: string };

/** What a phone of 390 by 844 shows at once: characters in a line, and lines. */
const [lineLength, screenLines] = [42, 30];

/** Contents are for a text over three screens with at least three headings for them. */
const mostScreens = 3;
const leastHeadings = 3;

/** The most entries, and the most that are not folded. */
const mostEntries = 60;
const fewEntries = 8;

/**
 * The contents of a page as HTML, or '' where they would not help: with links to the headings of
 * its two highest ranks, without the title at its top.
 */
export function writeContents(markdown: string, headings: readonly Heading[]): string {
  const [first, ...rest] = headings;
  const isTitle = first !== undefined && rest.every(({ depth }) => depth > first.depth);
  const named = (isTitle ? rest : headings).filter(({ text }) => text !== '');
  const top = Math.min(...named.map(({ depth }) => depth));
  const shown = named.filter(({ depth }) => depth <= top + 1).slice(0, mostEntries);
  if (shown.length < leastHeadings || screensOf(markdown) <= mostScreens) return '';
  const items = shown.map(
    ({ depth, text, id }) =>
      `<li${depth > top ? ' class="below"' : ''}><a href="#${escapeHtml(encodeURIComponent(id))}">${escapeHtml(text)}</a></li>`,
  );
  const open = shown.length <= fewEntries ? ' open' : '';
  return `<nav class="contents" aria-label="Contents"><details${open}><summary>Contents</summary><ul>${items.join('')}</ul></details></nav>\n`;
}

/** How many screens of a phone a text fills, about. */
function screensOf(markdown: string): number {
  const lines = markdown
    .split('\n')
    .reduce((sum, line) => sum + Math.max(1, Math.ceil(line.length / lineLength)), 0);
  return lines / screenLines;
}
