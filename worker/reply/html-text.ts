/**
 * Tags that are pure layout, inline or block. Any other may be part of the text, such as
 * `Array<string>`.
 */
const inlineLayout = /<\/?(?:span|kbd|sub|sup|b|i|u|em|strong|small|mark|center)(?:\s[^<>]*)?>/gi;
const blockLayout =
  /<\/?(?:p|div|details|summary|table|thead|tbody|tr|td|th|ul|ol|li|h[1-6]|br|hr)(?:\s[^<>]*)?\/?>/gi;

/**
 * Converts HTML within Markdown to text: block tags become line breaks, other layout tags and
 * comments are removed, entities are decoded, and the rest stays as written.
 */
export function readHtml(html: string): string {
  return decodeEntities(
    html
      .replaceAll(/<!--[^<>]*-->/g, '')
      .replaceAll(inlineLayout, '')
      .replaceAll(blockLayout, '\n'),
  );
}

const entities: Record<string, string> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: '\u00a0',
  ndash: '–',
  mdash: '—',
  hellip: '…',
  copy: '©',
  reg: '®',
  trade: '™',
  deg: '°',
  times: '×',
  middot: '·',
  bull: '•',
  rarr: '→',
  larr: '←',
  uarr: '↑',
  darr: '↓',
  check: '✓',
  euro: '€',
  pound: '£',
  laquo: '«',
  raquo: '»',
  ldquo: '“',
  rdquo: '”',
  lsquo: '‘',
  rsquo: '’',
  le: '≤',
  ge: '≥',
  ne: '≠',
};

/**
 * Decodes the entities that occur in texts (html.spec.whatwg.org: "Named character references"),
 * and numeric ones; an unknown entity stays as written.
 */
export function decodeEntities(text: string): string {
  return text.replaceAll(
    /&(?:#(\d{1,7})|#x([\da-f]{1,6})|([a-z]{2,8}));/gi,
    (entity, decimal?: string, hex?: string, name?: string) => {
      if (name !== undefined) return entities[name] ?? entity;
      const point = decimal === undefined ? Number.parseInt(hex ?? '', 16) : Number(decimal);
      const isCharacter =
        point >= 0x20 && point <= 0x10ffff && !(point >= 0xd800 && point <= 0xdfff);
      return isCharacter ? String.fromCodePoint(point) : entity;
    },
  );
}
