import { readMarkdown } from './markdown-oracle.ts';
import type { Item } from './markdown-oracle.ts';
import { readWhatsapp } from './whatsapp-reader.ts';
import type { Glyph } from './whatsapp-reader.ts';

/** What is still to be seen: the items from `at` on, then the rest. */
type Rest = { items: Item[]; at: number; next: Rest | undefined };
type Decision = 'shown' | 'written' | 'dropped';
type State = {
  pos: number;
  spaced: boolean;
  decisions: ReadonlyMap<number, Decision>;
  styles: string;
};

/**
 * Where a sent text says something else than the Markdown text it was made from: what was expected
 * and what is seen there, in words; undefined when both say the same. White space is folded.
 */
export function findMarkdownFault(markdown: string, sent: string): string | undefined {
  const seen = readWhatsapp(sent);
  const shielded = findShielded(seen);
  let furthest = 0;
  let expected = 'nothing';
  const fail = (pos: number, what: string): false => {
    if (pos >= furthest) [furthest, expected] = [pos, what];
    return false;
  };

  function fits(rest: Rest | undefined, state: State): boolean {
    let [{ pos, spaced, styles, decisions }, current] = [state, rest];
    for (;;) {
      while (current && current.at >= current.items.length) current = current.next;
      const item = current?.items[current.at];
      if (!current || !item) return pos === seen.length || fail(pos, 'the end');
      const next: Rest = { ...current, at: current.at + 1 };
      spaced ||= item.spaced === true;
      if (item.kind === 'either') {
        const options = item.choices;
        const now = { pos, spaced, styles, decisions };
        return options.some((items) => fits({ items, at: 0, next }, now));
      }
      if (item.kind === 'rule') {
        while (seen[pos]?.sign === '─') pos += 1;
      } else if (item.kind === 'glyph') {
        const width = widthOf(item, pos, spaced, styles);
        if (width === undefined) return fail(pos, `“${item.sign}” ${item.styles}${styles}`);
        pos += width;
        spaced = false;
      } else if (item.isEnd) {
        const decision = decisions.get(item.id);
        if (decision === 'shown') styles = styles.replace(item.style, '');
        if (decision === 'written') {
          const after = signs(item.written, pos, spaced);
          if (after === undefined) return fail(pos, `“${item.written}” as it was written`);
          [pos, spaced] = [after, false];
        }
      } else {
        return decide(item, next, { pos, spaced, styles, decisions });
      }
      current = next;
    }
  }

  function decide(item: Extract<Item, { kind: 'mark' }>, next: Rest, state: State): boolean {
    const { pos, styles, spaced } = state;
    const decided = (decision: Decision) => new Map([...state.decisions, [item.id, decision]]);
    const after = item.mayStay ? signs(item.written, pos, spaced) : undefined;
    return (
      fits(next, { ...state, styles: styles + item.style, decisions: decided('shown') }) ||
      (after !== undefined &&
        fits(next, { ...state, pos: after, spaced: false, decisions: decided('written') })) ||
      (item.mayDrop && fits(next, { ...state, decisions: decided('dropped') }))
    );
  }

  /** How many glyphs from a place on say an item; undefined when they do not. */
  function widthOf(
    item: Extract<Item, { kind: 'glyph' }>,
    from: number,
    spaced: boolean,
    styles: string,
  ): number | undefined {
    let pos = from;
    // Where a quote is no quote for WhatsApp, its signs are seen.
    while (item.quoted !== 'no' && isQuoteSign(seen[pos]) && item.sign !== '>') pos += 1;
    const glyph = seen[pos];
    if (!glyph || (glyph.spaced !== spaced && pos > 0)) return undefined;
    const isQuoted = glyph.styles.includes('q');
    if ((item.quoted === 'must' && !isQuoted) || (item.quoted === 'no' && isQuoted))
      return undefined;
    const wanted = [...new Set([...styles, ...item.styles])].toSorted().join('');
    // Words with signs that WhatsApp would take for marks are seen as code.
    const styled = shielded.has(pos) && !wanted.includes('c') ? /[qc]/g : /q/g;
    if (!wanted.includes('?') && glyph.styles.replaceAll(styled, '') !== wanted) return undefined;
    const written = item.written === undefined ? undefined : signs(item.written, pos, glyph.spaced);
    // An escaped backslash is one sign, or two.
    if (written !== undefined) return written - from;
    // WhatsApp draws a dash at the start of a line as a point, too.
    const isPoint = item.sign === '•' ? '•-*◦▪' : item.sign === '-' && glyph.leads ? '•' : '';
    if (glyph.sign === item.sign || (isPoint !== '' && isPoint.includes(glyph.sign)))
      return pos + 1 - from;
    return undefined;
  }

  /**
   * Where the glyphs go on after signs that stay as they were written; undefined if they do not.
   */
  function signs(written: string, pos: number, spaced: boolean): number | undefined {
    const found = seen.slice(pos, pos + written.length);
    const isThere = found.map(({ sign }) => sign).join('') === written;
    return isThere && (pos === 0 || found[0]?.spaced === spaced) ? pos + written.length : undefined;
  }

  const items = readMarkdown(markdown);
  if (
    fits(
      { items, at: 0, next: undefined },
      { pos: 0, spaced: true, decisions: new Map(), styles: '' },
    )
  )
    return undefined;
  return `expected ${expected} after “${said(seen.slice(0, furthest))}”, seen “${said(seen.slice(furthest, furthest + 20))}”`;
}

/** The places of the glyphs in code that holds a sign of WhatsApp's. */
function findShielded(seen: Glyph[]): Set<number> {
  const places = new Set<number>();
  let run: number[] = [];
  const isCode = (glyph: Glyph | undefined): boolean => glyph?.styles.includes('c') === true;
  for (const [place, glyph] of seen.entries()) {
    if (!isCode(glyph)) continue;
    run.push(place);
    if (isCode(seen[place + 1])) continue;
    if (run.some((at) => /[*_~`>]/.test(seen[at]?.sign ?? '')))
      for (const at of run) places.add(at);
    run = [];
  }
  return places;
}

function isQuoteSign(glyph: Glyph | undefined): boolean {
  return glyph?.leads === true && glyph.sign === '>';
}

function said(glyphs: Glyph[]): string {
  return glyphs
    .map(({ sign, spaced }) => (spaced ? ` ${sign}` : sign))
    .join('')
    .slice(-60);
}
