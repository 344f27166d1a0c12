/**
 * A visible character of a message as a phone shows it. `styles`: the marks it stands in (`b` bold,
 * `i` italic, `s` struck out, `c` code, `q` quote), sorted; `spaced`: white space stands before it;
 * `leads`: it stands at the start of a line, before any letter.
 */
export type Glyph = { sign: string; styles: string; spaced: boolean; leads: boolean };

/**
 * Reads WhatsApp's marks (faq.whatsapp.com: "How to format your messages"), without any code of the
 * product's. A mark counts only at the edge of a word, right next to its text, and within a line; a
 * sign next to the same sign is no mark. WhatsApp publishes no grammar; where phones might differ,
 * this reader shows no mark, so that a text that relies on one is found.
 */
export function readWhatsapp(text: string): Glyph[] {
  const glyphs: Glyph[] = [];
  let from = 0;
  for (const fence of text.matchAll(/^```\n([^]*?)\n```$/gm)) {
    if ((fence[1] ?? '').trim() === '') continue;
    glyphs.push(...readLines(text.slice(from, fence.index)), ...plain(`\n${fence[1]}`, 'c'));
    from = fence.index + fence[0].length;
  }
  return [...glyphs, ...readLines(text.slice(from))];
}

function readLines(text: string): Glyph[] {
  return text.split('\n').flatMap((line) => {
    const quote = /^(?:> ?)+/.exec(line)?.[0] ?? '';
    const styles = quote === '' ? '' : 'q';
    const leading: Glyph[] = [];
    let rest = line.slice(quote.length);
    for (;;) {
      const point = pointAt.exec(rest)?.[0];
      if (point === undefined) break;
      const sign = /^\s*[-*•◦▪]/.test(point) && styles === '' ? '•' : point.trim();
      leading.push(...plain(` ${sign}`, styles));
      rest = rest.slice(point.length);
    }
    const body = readInline(rest, styles);
    return [...leading.map((glyph) => ({ ...glyph, leads: true })), ...spacedFirst(body)];
  });
}

/**
 * The point or the number of a list, or the sign of a quote that is not at the start of its line
 * and is therefore seen.
 */
const pointAt = /^\s*(?:[-*•◦▪]|\d{1,9}[.)]|>)(?: +(?=\S)|(?<=>))/;

function spacedFirst([first, ...others]: Glyph[]): Glyph[] {
  return first ? [{ ...first, spaced: true }, ...others] : [];
}

const styleOf = new Map([
  ['*', 'b'],
  ['_', 'i'],
  ['~', 's'],
]);
const link = /https?:\/\/[^\s<>"`]+/y;

function readInline(text: string, styles: string): Glyph[] {
  const glyphs: Glyph[] = [];
  let spaced = false;
  const push = (read: Glyph[]): void => {
    const [first, ...others] = read;
    if (first) glyphs.push({ ...first, spaced: first.spaced || spaced }, ...others);
    spaced = false;
  };
  for (let at = 0; at < text.length;) {
    const sign = String.fromCodePoint(text.codePointAt(at) ?? 0);
    const end = endOfSpan(text, at);
    link.lastIndex = at;
    const address = /\w/.test(text[at - 1] ?? '') ? undefined : link.exec(text)?.[0];
    if (address !== undefined) {
      const whole = balanced(address).replace(/[.,;:!?'*_~]+$/, '');
      push(plain(whole, styles));
      at += whole.length;
    } else if (end !== undefined) {
      const width = sign === '`' ? runAt(text, at) : 1;
      const inner = text.slice(at + width, end);
      const style = styleOf.get(sign);
      if (style === undefined) push(plain(inner, withStyle(styles, 'c')));
      else push(readInline(inner, withStyle(styles, style)));
      spaced = /\s$/.test(inner);
      at = end + width;
    } else {
      if (/\s/.test(sign)) spaced = true;
      else push([{ sign, styles, spaced: false, leads: false }]);
      at += sign.length;
    }
  }
  return glyphs;
}

/** An address up to a bracket that closes what was opened before it. */
function balanced(address: string): string {
  let depth = 0;
  for (const [index, sign] of [...address].entries()) {
    if (sign === '(') depth += 1;
    if (sign === ')') depth -= 1;
    if (depth < 0) return [...address].slice(0, index).join('');
  }
  return address;
}

/** Where the span that begins at a place ends (index of its last sign), if one begins there. */
function endOfSpan(text: string, at: number): number | undefined {
  const sign = text[at] ?? '';
  if (!/[*_~`]/.test(sign)) return undefined;
  // A backslash is no way to keep a sign from being a mark, but it makes no edge of a word.
  const isOpen = sign === '`' ? text[at - 1] !== '\\' : isEdge(text[at - 1], before, text, at - 1);
  if (at > 0 && !isOpen) return undefined;
  const width = runAt(text, at);
  if (text[at - 1] === sign || (width !== 1 && (sign !== '`' || width !== 3))) return undefined;
  if (sign !== '`' && /\s|^$/.test(text[at + 1] ?? '')) return undefined;
  for (let end = at + width + 1; end < text.length; end += 1) {
    if (text[end] !== sign || text[end - 1] === sign || runAt(text, end) !== width) continue;
    const after = end + width;
    if (sign !== '`') {
      if (/\s/.test(text[end - 1] ?? '')) continue;
      if (after < text.length && !isEdge(text[after], behind, text, after)) continue;
    }
    return text.slice(at + width, end).trim() === '' ? undefined : end;
  }
  return undefined;
}

/** Letters, digits and signs of code, paths and sums, which make no edge of a word. */
const before = /[\p{L}\p{N}\p{M}/\\=@#$%^+&<|*_~`]/u;
const behind = /[\p{L}\p{N}\p{M}/\\=@#$%^+&>|*_~`]/u;

function isEdge(unit: string | undefined, inner: RegExp, text: string, at: number): boolean {
  if (unit === undefined) return true;
  // The second half of a character beyond U+FFFF: emoji are an edge, letters are not.
  const whole = /[\udc00-\udfff]/.test(unit) ? text.slice(at - 1, at + 1) : unit;
  return !inner.test(/[\ud800-\udbff]/.test(unit) ? text.slice(at, at + 2) : whole);
}

/** How many of the same sign stand from a place on. */
function runAt(text: string, at: number): number {
  let end = at;
  while (text[end] === text[at]) end += 1;
  return end - at;
}

function withStyle(styles: string, style: string): string {
  return [...new Set([...styles, style])].toSorted().join('');
}

/** The characters of a text without marks. */
function plain(text: string, styles: string): Glyph[] {
  const glyphs: Glyph[] = [];
  let spaced = false;
  for (const sign of text) {
    if (/\s/.test(sign)) spaced = true;
    else {
      glyphs.push({ sign, styles, spaced: spaced || glyphs.length === 0, leads: false });
      spaced = false;
    }
  }
  const [first, ...others] = glyphs;
  return first ? [{ ...first, spaced: /^\s/.test(text) }, ...others] : [];
}
