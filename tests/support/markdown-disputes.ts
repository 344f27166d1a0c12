import { lexer, walkTokens } from 'marked';
import type { Token } from 'marked';
import type { Nodes } from 'mdast';
import { parse, textOf, withoutControls } from './markdown-oracle.ts';
import { readWhatsapp } from './whatsapp-reader.ts';

/**
 * Whether the product's parser takes other stretches for marked than the second one does, which
 * happens where signs cross each other. Such a text has no right reading.
 */
export function isDisputed(markdown: string): boolean {
  const source = withoutControls(markdown);
  const [ours, theirs]: [string[], string[]] = [[], []];
  walkTokens(lexer(source, { gfm: true }), (token) => {
    const type = types[token.type];
    if (type !== undefined) ours.push(`${type} ${letters(wordsOf(token))}`);
  });
  const walk = (node: Nodes): void => {
    const type = types[node.type];
    if (type !== undefined) theirs.push(`${type} ${letters(textOf(node))}`);
    if ('children' in node) node.children.forEach(walk);
  };
  walk(parse(source));
  return ours.join('\n') !== theirs.join('\n');
}

/** Whether a sent text has the letters and digits of every word of a Markdown text. */
export function hasEveryWord(markdown: string, sent: string): boolean {
  const said = letters(
    readWhatsapp(sent)
      .map(({ sign }) => sign)
      .join(''),
  );
  // A tag for a line break is sent as one.
  const source = withoutControls(markdown).replaceAll(/<br\s*\/?>/gi, ' ');
  return wordsIn(parse(source)).every((word) => said.includes(word));
}

/** The letters and digits of each word, in the smallest parts of a tree. */
function wordsIn(node: Nodes): string[] {
  return 'children' in node
    ? node.children.flatMap(wordsIn)
    : textOf(node).split(/[^\p{L}\p{N}]+/u);
}

const types: Record<string, string> = {
  strong: 'strong',
  em: 'em',
  emphasis: 'em',
  del: 'del',
  delete: 'del',
  codespan: 'code',
  inlineCode: 'code',
  html: 'html',
};

function wordsOf(token: Token): string {
  const tokens = 'tokens' in token && Array.isArray(token.tokens) ? token.tokens : [];
  if (tokens.length > 0) return tokens.map(wordsOf).join('');
  return 'text' in token && typeof token.text === 'string' ? token.text : token.raw;
}

function letters(text: string): string {
  return text.replaceAll(/[^\p{L}\p{N}]/gu, '');
}
