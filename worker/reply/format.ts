import { lexer } from 'marked';
import type { Token, Tokens } from 'marked';
import { mapLines } from './fence.ts';
import { readHtml } from './html-text.ts';
import { formatInline, mark } from './inline.ts';
import { formatTable } from './table.ts';

/**
 * Writes Markdown, as Claude writes it, with WhatsApp's own marks (faq.whatsapp.com: "How to format
 * your messages"): `*bold*`, `_italic_`, `~strike~`, code, quotes and lists. What WhatsApp has no
 * mark for is written out: headings in bold, links with their address, tables as aligned text or as
 * a list, the points of a list within a list with a mark of their own. No word of the text is lost.
 * A text that is nested too deeply to be read (thousands of quotes in each other) is said as it is
 * written.
 */
export function format(markdown: string): string {
  try {
    return formatBlocks(lexer(markdown, { gfm: true }), '\n\n', 0).trim();
  } catch {
    // The stack is full: marked, like this file, calls itself for what is within. An answer must
    // not be lost for its form.
    return markdown.trim();
  }
}

/** `depth` counts the lists around. */
function formatBlocks(tokens: Token[], separator: string, depth: number): string {
  return tokens
    .map((token) => formatBlock(token, depth))
    .filter((text) => text !== '')
    .join(separator);
}

function formatBlock(token: Token, depth: number): string {
  switch (token.type) {
    case 'space':
    case 'def':
    case 'checkbox':
      return '';
    case 'heading':
      return mark('*', formatInline(children(token), '*'));
    case 'paragraph':
    case 'text':
      return children(token).length > 0 ? formatInline(children(token)) : text(token);
    case 'code':
      return `\`\`\`\n${text(token).replaceAll('```', "'''")}\n\`\`\``;
    case 'blockquote':
      // A mark without a text after it would be shown as it is.
      return mapLines(formatBlocks(children(token), '\n\n', depth), (line) =>
        line === '' ? '' : `> ${line}`,
      );
    case 'list':
      return formatList(token as Tokens.List, depth);
    case 'table':
      return formatTable(token as Tokens.Table);
    case 'hr':
      return '———';
    case 'html':
      return readHtml(token.raw)
        .split('\n')
        .map((line) => line.trim())
        .filter((line) => line !== '')
        .join('\n');
    default:
      return token.raw.trim();
  }
}

function formatList(list: Tokens.List, depth: number): string {
  const first = Number(list.start) || 1;
  const items = list.items.map((item, index) => {
    const point = item.task
      ? item.checked
        ? '☑ '
        : '☐ '
      : list.ordered
        ? `${first + index}. `
        : (points[depth] ?? '▪ ');
    const body = formatBlocks(item.tokens, '\n', depth + 1);
    // A fence counts only at the start of a line. What else follows an item's first line stands
    // under its text.
    return mapLines(
      body.startsWith('```') ? `${point.trimEnd()}\n${body}` : point + body,
      (line, row) => (row === 0 || line === '' ? line : `    ${line}`),
    );
  });
  return items.join(list.loose && depth === 0 ? '\n\n' : '\n');
}

/**
 * WhatsApp draws `- ` as a point at the start of a line only; further in, the sign itself must look
 * like one.
 */
const points = ['- ', '◦ '];

function children(token: Token): Token[] {
  return 'tokens' in token && Array.isArray(token.tokens) ? token.tokens : [];
}

function text(token: Token): string {
  return 'text' in token && typeof token.text === 'string' ? token.text : token.raw;
}
