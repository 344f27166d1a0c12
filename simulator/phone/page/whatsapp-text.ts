/** Text in WhatsApp's marks (WhatsApp help: "How to format your messages"), as a tree. */
export type Inline =
  | { kind: 'text'; text: string }
  | { kind: 'code'; text: string }
  | { kind: 'link'; text: string; href: string }
  | { kind: 'bold' | 'italic' | 'strike'; children: Inline[] };

/** `spaced`: a blank line separates it from the block before it. */
export type Block = { spaced?: boolean } & (
  | { kind: 'paragraph'; children: Inline[] }
  | { kind: 'code'; text: string }
  | { kind: 'quote'; children: Inline[] }
  | { kind: 'list'; ordered: boolean; start: number; items: Inline[][] }
);

const fencePattern = /(?:^|\n)```\n?([\s\S]+?)\n?```(?=\n|$)\n?/g;
const bulletPattern = /^\s*[*-] +(?=\S)/;
const numberedPattern = /^\s*(\d{1,9})[.)] +(?=\S)/;
const quotedPattern = /^> ?/;

/** Parses a message. Any text is valid: what is not a mark stays as it is written. */
export function parseWhatsappText(text: string): Block[] {
  const blocks: Block[] = [];
  let from = 0;
  for (const fence of text.matchAll(fencePattern)) {
    const before = text.slice(from, fence.index);
    const spaced = /\n[^\S\n]*$/.test(before);
    blocks.push(...parseLines(before, from > 0), {
      kind: 'code',
      text: fence[1] ?? '',
      ...(spaced ? { spaced } : {}),
    });
    from = fence.index + fence[0].length;
  }
  return [...blocks, ...parseLines(text.slice(from), from > 0)];
}

/**
 * Blank lines between blocks become the space before the next one; those within a paragraph stay.
 * `follows`: something comes before the text.
 */
function parseLines(text: string, follows: boolean): Block[] {
  const blocks: Block[] = [];
  const lines = text.trimEnd().split('\n');
  let spaced = false;
  for (let at = 0; at < lines.length;) {
    const kind = lineKind(lines[at] ?? '');
    const end = lines.findIndex((line, index) => index > at && lineKind(line) !== kind);
    const run = lines.slice(at, end === -1 ? lines.length : end);
    at += run.length;
    const first = run.findIndex((line) => line.trim() !== '');
    const last = run.findLastIndex((line) => line.trim() !== '');
    spaced ||= first !== 0;
    if (first === -1) continue;
    blocks.push({
      ...toBlock(kind, run.slice(first, last + 1)),
      ...(spaced && (follows || blocks.length > 0) ? { spaced } : {}),
    });
    spaced = last < run.length - 1;
  }
  return blocks;
}

type LineKind = 'paragraph' | 'quote' | 'bullet' | 'numbered';

function lineKind(line: string): LineKind {
  if (quotedPattern.test(line)) return 'quote';
  if (bulletPattern.test(line)) return 'bullet';
  return numberedPattern.test(line) ? 'numbered' : 'paragraph';
}

function toBlock(kind: LineKind, lines: string[]): Block {
  if (kind === 'paragraph') return { kind, children: parseInline(lines.join('\n')) };
  if (kind === 'quote')
    return {
      kind,
      children: parseInline(lines.map((line) => line.replace(quotedPattern, '')).join('\n')),
    };
  const mark = kind === 'bullet' ? bulletPattern : numberedPattern;
  const start = Number(numberedPattern.exec(lines[0] ?? '')?.[1] ?? 1);
  return {
    kind: 'list',
    ordered: kind === 'numbered',
    start,
    items: lines.map((line) => parseInline(line.replace(mark, ''))),
  };
}

const markStyles: Record<string, 'bold' | 'italic' | 'strike'> = {
  '*': 'bold',
  _: 'italic',
  '~': 'strike',
};
const linkPattern = /https?:\/\/[^\s<>"`]+/y;
const codePattern = /```([^\n]+?)```|`([^`\n]+)`/y;

/** Parses the marks within a line. */
export function parseInline(text: string): Inline[] {
  const nodes: Inline[] = [];
  let plain = '';
  const push = (node: Inline) => {
    if (plain) nodes.push({ kind: 'text', text: plain });
    plain = '';
    nodes.push(node);
  };
  const hopeless = new Map<string, number>();
  for (let at = 0; at < text.length;) {
    const found = markAt(text, at, hopeless);
    if (found) push(found.node);
    else plain += text[at];
    at += found?.length ?? 1;
  }
  if (plain) nodes.push({ kind: 'text', text: plain });
  return nodes;
}

/**
 * `hopeless` remembers up to where a mark does not close, so that a text full of open marks is read
 * only once.
 */
function markAt(
  text: string,
  at: number,
  hopeless: Map<string, number>,
): { node: Inline; length: number } | undefined {
  const sign = text[at] ?? '';
  if (sign === '`') return codeAt(text, at);
  if (sign === 'h') return linkAt(text, at);
  const kind = markStyles[sign];
  if (!kind || at < (hopeless.get(sign) ?? 0) || joins(text[at - 1], '<') || isBlank(text[at + 1]))
    return undefined;
  const close = closing(text, at, sign);
  if (close === -1) hopeless.set(sign, (text.indexOf('\n', at) + 1 || text.length + 1) - 1);
  return close === -1
    ? undefined
    : { node: { kind, children: parseInline(text.slice(at + 1, close)) }, length: close - at + 1 };
}

/**
 * A mark closes on the same line, after something that is not blank and before the edge of a word.
 */
function closing(text: string, open: number, sign: string): number {
  for (let at = open + 2; at < text.length && text[at] !== '\n'; at++) {
    if (text[at] === sign && !isBlank(text[at - 1]) && !joins(text[at + 1], '>')) return at;
  }
  return -1;
}

function codeAt(text: string, at: number): { node: Inline; length: number } | undefined {
  codePattern.lastIndex = at;
  const match = codePattern.exec(text);
  if (!match) return undefined;
  const code = match[1] ?? match[2] ?? '';
  return { node: { kind: 'code', text: code }, length: match[0].length };
}

function linkAt(text: string, at: number): { node: Inline; length: number } | undefined {
  linkPattern.lastIndex = at;
  const match = isWord(text[at - 1]) ? undefined : linkPattern.exec(text);
  const found = match && trimLink(match[0]);
  return found && URL.canParse(found)
    ? { node: { kind: 'link', text: found, href: found }, length: found.length }
    : undefined;
}

/**
 * The end of a sentence is not part of its link, nor is a bracket that opened before it or a mark
 * around it.
 */
function trimLink(link: string): string {
  const trimmed = link.replace(/[.,;:!?'*_~]+$/, '');
  return trimmed.endsWith(')') && !trimmed.includes('(') ? trimLink(trimmed.slice(0, -1)) : trimmed;
}

function isWord(sign: string | undefined): boolean {
  return sign !== undefined && /[\p{L}\p{N}]/u.test(sign);
}

/**
 * Whether a sign joins a mark to its word, so that the mark is part of the text: letters, digits,
 * and the signs of paths, sums and code (`C:\\Users\\_me_`, `a=_b_`). WhatsApp publishes no
 * grammar; bridges that read its messages take only blanks, brackets, punctuation and other marks
 * for the edge of a word.
 */
function joins(sign: string | undefined, bracket: '<' | '>'): boolean {
  return sign !== undefined && (sign === bracket || /[\p{L}\p{N}\p{M}\\/=@#$%^+&|]/u.test(sign));
}

function isBlank(sign: string | undefined): boolean {
  return sign === undefined || /\s/.test(sign);
}
