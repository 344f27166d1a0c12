import { lexer } from 'marked';
import type { Token, Tokens } from 'marked';
import { formatTable } from './table.ts';

/**
 * Writes Markdown, as Claude writes it, with WhatsApp's own marks (faq.whatsapp.com: "How to format your messages"): `*bold*`, `_italic_`,
 * `~strike~`, code, quotes and lists. What WhatsApp has no mark for is written out: headings in bold, links with their address, tables as aligned text.
 */
export function format(markdown: string): string {
  return formatBlocks(lexer(markdown, { gfm: true }), '\n\n').trim();
}

function formatBlocks(tokens: Token[], separator: string): string {
  return tokens
    .map((token) => formatBlock(token))
    .filter((text) => text !== '')
    .join(separator);
}

function formatBlock(token: Token): string {
  switch (token.type) {
    case 'space':
    case 'def':
      return '';
    case 'heading':
      return bold(formatInline(children(token)));
    case 'paragraph':
    case 'text':
      return formatInline(children(token)) || (children(token).length > 0 ? '' : text(token));
    case 'code':
      return `\`\`\`\n${text(token).replaceAll('```', "'''")}\n\`\`\``;
    case 'blockquote':
      return formatBlocks(children(token), '\n\n').split('\n').map((line) => `> ${line}`.trimEnd()).join('\n');
    case 'list':
      return formatList(token as Tokens.List);
    case 'table':
      return formatTable((token as Tokens.Table).header.map((cell) => formatInline(cell.tokens)), (token as Tokens.Table).rows.map((row) => row.map((cell) => formatInline(cell.tokens))));
    case 'hr':
      return '———';
    default:
      return token.raw.trim();
  }
}

function formatList(list: Tokens.List): string {
  const first = Number(list.start) || 1;
  const items = list.items.map((item, index) => {
    const mark = item.task ? (item.checked ? '☑ ' : '☐ ') : list.ordered ? `${first + index}. ` : '- ';
    const body = formatBlocks(item.tokens.filter((token) => token.type !== 'checkbox'), '\n');
    // What follows an item's first line stands under its text; WhatsApp has no nested lists of its own.
    return mark + body.split('\n').map((line, row) => (row === 0 || line === '' ? line : `  ${line}`)).join('\n');
  });
  return items.join(list.loose ? '\n\n' : '\n');
}

function formatInline(tokens: Token[]): string {
  return tokens.map((token) => formatSpan(token)).join('');
}

function formatSpan(token: Token): string {
  switch (token.type) {
    case 'strong':
      return bold(formatInline(children(token)));
    case 'em':
      return mark('_', formatInline(children(token)));
    case 'del':
      return mark('~', formatInline(children(token)));
    case 'codespan':
      return `\`${text(token)}\``;
    case 'br':
      return '\n';
    case 'link':
    case 'image':
      return formatLink(token as Tokens.Link | Tokens.Image);
    case 'escape':
      return text(token);
    case 'text':
      return children(token).length > 0 ? formatInline(children(token)) : unescape(text(token));
    default:
      return token.raw;
  }
}

function formatLink(token: Tokens.Link | Tokens.Image): string {
  const label = token.type === 'link' ? formatInline(token.tokens) : token.text;
  const address = token.href.replace(/^mailto:/, '');
  return label === '' || label === address || label === token.href ? address : `${label} (${address})`;
}

/** WhatsApp's bold does not nest, so a bold inside becomes plain. */
function bold(inner: string): string {
  return mark('*', inner.replaceAll(/(^|\s)\*(\S(?:.*?\S)?)\*(?=$|\s|[.,:;!?])/g, '$1$2'));
}

/** A mark counts only right at the text; blanks go outside, and each line has marks of its own. */
function mark(sign: string, inner: string): string {
  return inner
    .split('\n')
    .map((line) => {
      const [, before = '', body = '', after = ''] = /^(\s*)(.*?)(\s*)$/.exec(line) ?? [];
      return body === '' ? line : `${before}${sign}${body}${sign}${after}`;
    })
    .join('\n');
}

function children(token: Token): Token[] {
  return 'tokens' in token && Array.isArray(token.tokens) ? token.tokens : [];
}

function text(token: Token): string {
  return 'text' in token && typeof token.text === 'string' ? token.text : token.raw;
}

const entities: Record<string, string> = { '&amp;': '&', '&lt;': '<', '&gt;': '>', '&quot;': '"', '&#39;': "'" };

function unescape(value: string): string {
  return value.replaceAll(/&(?:amp|lt|gt|quot|#39);/g, (entity) => entities[entity] ?? entity);
}
