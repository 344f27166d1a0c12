import { lexer } from 'marked';
import type { Token, Tokens } from 'marked';
import { mapLines } from './fence.ts';
import { formatInline, formatPart, holdsMark } from './inline.ts';
import { findUsedDefinitions } from './link.ts';
import { resolveMarks } from './resolve-marks.ts';
import { markIfShown, withoutControls } from './signs.ts';
import { formatTable } from './table.ts';

/**
 * Converts Claude's Markdown to WhatsApp's marks (faq.whatsapp.com: "How to format your messages"):
 * `*bold*`, `_italic_`, `~strike~`, code, quotes and lists. Where WhatsApp has no mark: headings
 * become bold, links show their address, tables become aligned text or a list, and nested list
 * items get a bullet of their own. A mark is set only where WhatsApp shows it; what it cannot show
 * stays as it was written: HTML, names such as `__init__`, signs within words, paths and sums,
 * numbers of lists, definitions that no link uses. Signs that it would take for marks keep their
 * backslash, or are sent as code. Colours of a terminal and control characters are left out. A text
 * nested too deeply to parse (thousands of nested quotes) is sent as written.
 */
export function format(said: string): string {
  const markdown = withoutControls(said);
  try {
    const tokens = lexer(markdown, { gfm: true });
    return formatBlocks(tokens, '\n\n', { depth: 0, sent: findUsedDefinitions(tokens) }).trim();
  } catch {
    // Stack overflow: marked, like this file, recurses into nested blocks. An answer must not be
    // lost because of its form.
    return markdown.trim();
  }
}

/**
 * `depth` counts the enclosing lists; `sent` are the definitions that are sent with their links.
 */
type Place = { depth: number; sent: ReadonlySet<Token> };

function formatBlocks(tokens: Token[], separator: string, place: Place): string {
  return tokens
    .map((token) => formatBlock(token, place))
    .filter((text) => text !== '')
    .join(separator);
}

function formatBlock(token: Token, place: Place): string {
  switch (token.type) {
    case 'space':
    case 'checkbox':
      return '';
    case 'def':
      return place.sent.has(token) ? '' : token.raw.trim();
    case 'heading':
      return resolveMarks(markIfShown('*', formatPart(children(token), '*')));
    case 'paragraph':
    case 'text':
      return children(token).length > 0 ? formatInline(children(token)) : text(token);
    case 'code':
      return formatFence(text(token));
    case 'blockquote':
      // WhatsApp would show a quote mark without text literally.
      return mapLines(formatBlocks(children(token), '\n\n', place), (line) =>
        line === '' ? '' : `> ${line}`,
      );
    case 'list':
      return formatList(token as Tokens.List, place);
    case 'table':
      return formatTable(token as Tokens.Table);
    case 'hr':
      return '———';
    case 'html':
      return formatHtml(token.raw);
    default:
      return token.raw.trim();
  }
}

/** WhatsApp shows an empty fence as it is written. */
function formatFence(code: string): string {
  return code.trim() === '' ? '' : `\`\`\`\n${code.replaceAll('```', "'''")}\n\`\`\``;
}

/** HTML stays as it was written, in a fence if WhatsApp could take its signs for marks. */
function formatHtml(raw: string): string {
  const html = raw.replaceAll(/<br\s*\/?>/gi, '\n').trim();
  return holdsMark(html) || /^[^\S\n]*(?:>|[*] )/m.test(html) ? formatFence(html) : html;
}

function formatList(list: Tokens.List, { depth, sent }: Place): string {
  const written = list.items.map((item) => /^\s*(\d{1,9}[.)]|[-*+])/.exec(item.raw)?.[1] ?? '-');
  const items = list.items.map((item, index) => {
    const box = item.task ? (item.checked ? '☑ ' : '☐ ') : '';
    const point = list.ordered
      ? `${numberAt(written, index)} ${box}`
      : box || (written[index] === '+' ? '+ ' : (points[depth] ?? '▪ '));
    const body = formatBlocks(item.tokens, '\n', { depth: depth + 1, sent });
    // A fence counts only at the start of a line. Everything else after an item's first line is
    // indented below its text.
    return mapLines(
      body.startsWith('```\n') ? `${point.trimEnd()}\n${body}` : point + body,
      (line, row) => (row === 0 || line === '' ? line : `    ${line}`),
    );
  });
  return items.join(list.loose && depth === 0 ? '\n\n' : '\n');
}

/**
 * Numbers stay as they were written, such as the days of dates; those that are all the same ask for
 * counting.
 */
function numberAt(written: string[], index: number): string {
  const [first = '', own = ''] = [written[0], written[index]];
  const isCounted = index > 0 && written.every((each) => each === first);
  return isCounted ? `${Number.parseInt(first, 10) + index}${first.at(-1)}` : own;
}

/**
 * WhatsApp draws `- ` as a bullet only at the start of a line; further in, the sign itself must
 * look like one.
 */
const points = ['- ', '◦ '];

function children(token: Token): Token[] {
  return 'tokens' in token && Array.isArray(token.tokens) ? token.tokens : [];
}

function text(token: Token): string {
  return 'text' in token && typeof token.text === 'string' ? token.text : token.raw;
}
