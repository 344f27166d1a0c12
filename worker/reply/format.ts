import { stripVTControlCharacters } from 'node:util';
import { lexer } from 'marked';
import type { Token, Tokens } from 'marked';
import { mapLines } from './fence.ts';
import { formatInline, mark } from './inline.ts';
import { formatTable } from './table.ts';

/**
 * Converts Claude's Markdown to WhatsApp's marks (faq.whatsapp.com: "How to format your messages"):
 * `*bold*`, `_italic_`, `~strike~`, code, quotes and lists. Where WhatsApp has no mark: headings
 * become bold, links show their address, tables become aligned text or a list, and nested list
 * items get a bullet of their own. What WhatsApp cannot show as a mark stays as it was written:
 * HTML, names such as `__init__`, signs within words, paths and sums. Colours of a terminal and
 * control characters are left out. A text nested too deeply to parse (thousands of nested quotes)
 * is sent as written.
 */
export function format(said: string): string {
  const markdown = withoutControls(said);
  try {
    return formatBlocks(lexer(markdown, { gfm: true }), '\n\n', 0).trim();
  } catch {
    // Stack overflow: marked, like this file, recurses into nested blocks. An answer must not be
    // lost because of its form.
    return markdown.trim();
  }
}

/** Colours and other control sequences of a terminal, and characters that nothing shows. */
function withoutControls(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return stripVTControlCharacters(text).replaceAll(/[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]/g, '');
}

/** `depth` counts the enclosing lists. */
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
      // WhatsApp would show a quote mark without text literally.
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
      return token.raw.replaceAll(/<br\s*\/?>/gi, '\n').trim();
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
    // A fence counts only at the start of a line. Everything else after an item's first line is
    // indented below its text.
    return mapLines(
      body.startsWith('```') ? `${point.trimEnd()}\n${body}` : point + body,
      (line, row) => (row === 0 || line === '' ? line : `    ${line}`),
    );
  });
  return items.join(list.loose && depth === 0 ? '\n\n' : '\n');
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
