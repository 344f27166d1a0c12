import type {
  Definition,
  Image,
  ImageReference,
  InlineCode,
  List,
  ListItem,
  Nodes,
  Root,
  Table,
  TableRow,
} from 'mdast';
import { fromMarkdown } from 'mdast-util-from-markdown';
import type { Extension } from 'mdast-util-from-markdown';
import { gfmFromMarkdown } from 'mdast-util-gfm';
import { gfm } from 'micromark-extension-gfm';

/**
 * What a reader should see of a Markdown text, in order. `spaced`: white space stands before it.
 *
 * - a glyph: `styles` are those of code and none other; `quoted` says whether it has to stand in a
 *   quote; `written` is how an escaped sign was written, which may be seen instead
 * - a mark: the start or the end of a marked stretch, to be shown as `style`. `mayStay`: its signs
 *   may be seen as they were written; `mayDrop`: neither its signs nor its style need to be seen
 * - either: one of several ways to say the same; rule: the line below a table's heading
 */
export type Item = { spaced?: boolean } & (
  | { kind: 'glyph'; sign: string; quoted: Quoted; styles: string; written?: string }
  | {
      kind: 'mark';
      id: number;
      isEnd: boolean;
      style: string;
      written: string;
      mayStay: boolean;
      mayDrop: boolean;
    }
  | { kind: 'either'; choices: Item[][] }
  | { kind: 'rule' }
);
type Items = Item[][];
type Rules = { mayStay: boolean; mayDrop: boolean };
type Quoted = 'no' | 'may' | 'must';
type Marked = Extract<Nodes, { type: 'emphasis' | 'strong' | 'delete' }>;

/** What surrounds a node; `shown`: the marks around it, with `?` where any style will do. */
type Place = { quoted: Quoted; shown: string; inList: boolean };

/**
 * Stand in the parser's text before an escaped sign, and around an entity and how it is written.
 */
const [escaped, entity] = ['\ufdd4', '\ufdd5'];

const asWritten: Extension = {
  enter: {
    characterEscapeValue() {
      const tail = this.stack.at(-1);
      if (tail && 'value' in tail) tail.value += escaped;
    },
  },
  exit: {
    characterReferenceValue(token) {
      const tail = this.stack.at(-1);
      const type = this.data.characterReferenceType;
      const sign = type === 'characterReferenceMarkerHexadecimal' ? '#x' : '#';
      const raw = `&${type === undefined ? '' : sign}${this.sliceSerialize(token)};`;
      if (tail && 'value' in tail) tail.value += `${entity}${raw}${entity}`;
      this.data.characterReferenceType = undefined;
    },
  },
};

function decodeEntity(raw: string): string {
  const [block] = fromMarkdown(raw).children;
  const text = block?.type === 'paragraph' ? block.children[0] : undefined;
  // An entity may be white space, which the parser leaves out of an empty paragraph.
  return text?.type === 'text' ? withoutControls(text.value) : ' ';
}

const syntax = gfm();
const tree = gfmFromMarkdown();
const notes = {
  disable: { null: ['gfmFootnoteCall', 'gfmFootnoteDefinition', 'gfmPotentialFootnoteCall'] },
};

/**
 * Terminal colours and control characters, which are not part of what is said. Written anew, as the
 * whole oracle: nothing here comes from the product.
 */
export function withoutControls(text: string): string {
  return (
    text
      // oxlint-disable-next-line no-control-regex
      .replaceAll(/[\u001b\u009b]\[?[0-9;?]*[A-Za-z]/g, '')
      .replaceAll(/[\ufdd0-\ufdef]/g, '')
      .replaceAll(/\p{Cc}/gu, (sign) => (/\s/.test(sign) && !/[\v\f\u0085]/.test(sign) ? sign : ''))
  );
}

/**
 * Reads a Markdown text with a parser that is not the product's (micromark, with GFM). What has no
 * equal in WhatsApp is not expected, or expected as something else:
 *
 * - titles of links, languages of code: Markdown itself does not show them
 * - definitions that a link uses: the address stands behind the link's label
 * - addresses of headings (`#top`): they lead nowhere in a chat
 * - marks in tables and in the text of pictures: no mark is shown there
 * - three backticks within code: they would end it, and become three quotation marks
 * - the tag for a line break: it is one; lines between parts: a drawn line
 * - numbers of a list that are all the same: they ask for counting
 */
export function readMarkdown(markdown: string): Item[] {
  const source = withoutControls(markdown);
  return createReading(source, parse(source)).read({ quoted: 'no', shown: '', inList: false });
}

/** Reads a text as a tree. */
export function parse(source: string): Root {
  return fromMarkdown(source, {
    extensions: [syntax, notes],
    mdastExtensions: [tree, asWritten],
  });
}

const styleOf = { emphasis: 'i', strong: 'b', delete: 's' } as const;
const signOf: Record<string, string> = { i: '_', b: '*', s: '~', c: '`' };
/** What makes no edge of a word, before a mark and behind it. */
const noEdge: [RegExp, RegExp] = [
  /[\p{L}\p{N}\p{M}/\\=@#$%^+&<|*_~`]$/u,
  /^[\p{L}\p{N}\p{M}/\\=@#$%^+&>|*_~`]/u,
];

type Reading = { read(place: Place): Item[]; readHeading(place: Place): Item[] };

let marks = 0;

/** Reads one text. Keeps what it has seen: definitions, white space before what comes. */
function createReading(source: string, root: Root, isSpaced = true): Reading {
  const definitions = new Map<string, Definition>();
  const used = new Set<string>();
  let spaced = isSpaced;

  const rawOf = (node: Nodes): string =>
    node.position === undefined
      ? ''
      : source.slice(node.position.start.offset, node.position.end.offset);

  const sourceAfter = (node: Nodes): string => {
    const end = node.position?.end.offset ?? source.length;
    return source.slice(end, end + 4);
  };

  function glyphs(text: string, { quoted, shown }: Place, styles = ''): Item[] {
    const items: Item[] = [];
    const push = (sign: string, written?: string): void => {
      if (/\s/.test(sign)) spaced = true;
      else {
        const style = shown.includes('?') ? '?' : styles;
        const more = written === undefined ? {} : { written };
        items.push({ kind: 'glyph', sign, quoted, styles: style, spaced, ...more });
        spaced = false;
      }
    };
    for (const [whole, sign, raw] of text.matchAll(/\ufdd4([^])?|\ufdd5([^\ufdd5]*)\ufdd5|[^]/gu)) {
      // An address found in the text may have parted an escaped sign from what stands for it.
      if (whole === escaped) continue;
      if (sign !== undefined) push(sign, `\\${sign}`);
      else if (raw === undefined) push(whole);
      else for (const decoded of decodeEntity(raw)) push(decoded, raw);
    }
    return items;
  }

  function either(...ways: (() => Item[])[]): Item[] {
    const before = spaced;
    const choices = ways.map((way) => {
      spaced = before;
      return way();
    });
    return [{ kind: 'either', choices }];
  }

  function marked(written: string, style: string, rules: Rules, inner: () => Item[]): Item[] {
    const id = (marks += 1);
    const start: Item = { kind: 'mark', id, isEnd: false, style, written, spaced, ...rules };
    spaced = false;
    const items = inner();
    const end: Item = { kind: 'mark', id, isEnd: true, style, written, spaced, ...rules };
    spaced = false;
    return [start, ...items, end];
  }

  /** Whether the signs of a stretch may be seen as they were written: WhatsApp shows no mark. */
  function mayStay(node: Nodes, style: string): boolean {
    const from = node.position?.start.offset ?? 0;
    const raw = rawOf(node);
    const inner = raw.replace(/^([*_~`])\1*/, '').replace(/([*_~`])\1*$/, '');
    return (
      noEdge[0].test(
        source.slice(Math.max(from - 10, 0), from).replace(/&#?\w+;$/, decodeEntity),
      ) ||
      noEdge[1].test(sourceAfter(node).replace(/^!?\[/, '')) ||
      inner.includes(signOf[style] ?? '') ||
      inner.includes(raw[0] ?? '') ||
      /^[/\\]|[/\\]$/.test(inner)
    );
  }

  function emphasis(node: Marked, place: Place): Item[] {
    const style = styleOf[node.type];
    const raw = rawOf(node);
    const written = raw.slice(0, raw[0] === raw[1] && node.type !== 'emphasis' ? 2 : 1);
    // A phone would take the sign for a part of the address before it.
    const joins = /:\/\/\S*$/.test(raw) && /^[^\s.,;:!?'")>]/.test(sourceAfter(node));
    const mayDrop =
      joins ||
      place.shown.includes('?') ||
      place.shown.includes(style) ||
      raw.slice(written.length, -written.length).includes(signOf[style] ?? '');
    const rules = { mayStay: joins || mayStay(node, style), mayDrop };
    // A name stays as it was written, wherever it stands.
    if (/^__\w+__$/.test(raw))
      return [written, undefined, written].flatMap((signs) =>
        signs === undefined ? all(node.children, place) : glyphs(signs, place),
      );
    const inside = { ...place, shown: place.shown + style };
    return marked(written, style, rules, () => all(node.children, inside));
  }

  function code(node: InlineCode, place: Place): Item[] {
    const isOdd = /^$|^`|`$|```/.test(node.value.trim());
    const rules = { mayStay: false, mayDrop: place.shown.includes('?') };
    const said = node.value.replaceAll('```', "'''");
    const shown = (): Item[] => marked('', 'c', rules, () => glyphs(said, place));
    const written = (): Item[] => glyphs(rawOf(node), place);
    return isOdd || mayStay(node, 'c') ? either(shown, written) : shown();
  }

  /** A label with its address behind it; the address alone where the label says the same. */
  function link(label: () => Item[], text: string, url: string, place: Place): Item[] {
    const plain = unmarked(url);
    const address = plain.replace(/^mailto:/, '');
    const target = safeEnd(address);
    if (text === '' || text === address || text === plain) return glyphs(target, place);
    const named = label();
    if (address === '' || address.startsWith('#') || `http://${text}` === address) return named;
    spaced = true;
    return [...named, ...glyphs(`(${target})`, place)];
  }

  /** A picture's text is read like any other; its marks are not seen. */
  function picture(node: Image | ImageReference, url: string, place: Place): Item[] {
    const raw = rawOf(node).replace(/\[[^[\]]*\]$/, node.type === 'image' ? '$&' : '');
    const alt = /^!\[([^]*)\](?:\(|$)/.exec(raw)?.[1] ?? rawOf(node).slice(2, -1);
    const inside = { ...place, shown: `${place.shown}?` };
    const label = (): Item[] => {
      // A heading has one line, and nothing that begins a block.
      const line = `# ${alt.replaceAll('\n', ' ')}`;
      const items = createReading(line, parse(line), spaced).readHeading(inside);
      spaced = false;
      return items;
    };
    return link(label, unmarked(node.alt ?? ''), url, place);
  }

  function inline(node: Nodes, place: Place): Item[] {
    switch (node.type) {
      case 'text':
        return glyphs(node.value, place);
      case 'emphasis':
      case 'strong':
      case 'delete':
        return emphasis(node, place);
      case 'inlineCode':
        return code(node, place);
      case 'link':
        // Not every parser takes `<a@b>` for an address.
        if (rawOf(node).startsWith('<') && node.url.startsWith('mailto:'))
          return either(
            () => glyphs(node.url.slice('mailto:'.length), place),
            () => glyphs(rawOf(node), place),
          );
        return link(() => all(node.children, place), textOf(node), node.url, place);
      case 'image':
        return picture(node, node.url, place);
      case 'linkReference': {
        const url = definitions.get(node.identifier)?.url ?? '';
        return link(() => all(node.children, place), textOf(node), url, place);
      }
      case 'imageReference':
        return picture(node, definitions.get(node.identifier)?.url ?? '', place);
      case 'html':
        return glyphs(node.value.replaceAll(/<br\s*\/?>/gi, '\n'), place);
      case 'break':
        spaced = true;
        return [];
      default:
        return block(node, place);
    }
  }

  function all(nodes: Nodes[], place: Place): Item[] {
    return nodes.flatMap((node) => inline(node, place));
  }

  function blocks(nodes: Nodes[], place: Place): Item[] {
    return nodes.flatMap((node) => block(node, place));
  }

  function block(node: Nodes, place: Place): Item[] {
    spaced = true;
    const items = blockItems(node, place);
    spaced = true;
    return items;
  }

  function blockItems(node: Nodes, place: Place): Item[] {
    switch (node.type) {
      case 'heading': {
        // A star within a heading would end its mark.
        const rules = { mayStay: false, mayDrop: rawOf(node).includes('*') };
        const inside = { ...place, shown: `${place.shown}b` };
        return marked('', 'b', rules, () => all(node.children, inside));
      }
      case 'blockquote': {
        const quoted = place.inList || place.quoted === 'may' ? 'may' : 'must';
        return blocks(node.children, { ...place, quoted });
      }
      case 'list':
        return node.children.flatMap((item, index) => listItem(node, item, index, place));
      case 'table':
        return [table(node, place)];
      case 'code': {
        const inside = place.quoted === 'no' ? place : { ...place, quoted: 'may' as const };
        return glyphs(node.value.replaceAll('```', "'''"), inside, 'c');
      }
      case 'html': {
        const inside = place.quoted === 'no' ? place : { ...place, quoted: 'may' as const };
        return glyphs(node.value.replaceAll(/<br\s*\/?>/gi, '\n'), inside);
      }
      case 'thematicBreak':
        return glyphs('———', place);
      case 'definition':
        return used.has(node.identifier) && definitions.get(node.identifier) === node
          ? []
          : glyphs(rawOf(node).replaceAll(/\n[ \t>]*/g, '\n'), place);
      default:
        return 'children' in node ? all(node.children, place) : glyphs(rawOf(node), place);
    }
  }

  /** Numbers are as they were written, unless all are the same, which asks for counting. */
  function listItem(list: List, item: ListItem, index: number, place: Place): Item[] {
    const markers = list.children.map((each) => /^(?:[-*+]|\d+[.)])/.exec(rawOf(each))?.[0] ?? '');
    const [first = '', marker = ''] = [markers[0], markers[index]];
    const isCounted = list.ordered === true && markers.every((each) => each === first);
    const number =
      isCounted && index > 0 ? `${Number.parseInt(first, 10) + index}${first.at(-1)}` : marker;
    const box = typeof item.checked === 'boolean' ? (item.checked ? '☑' : '☐') : '';
    const sign = list.ordered === true ? number : box === '' && marker !== '+' ? '•' : box || '+';
    spaced = true;
    const point = glyphs(list.ordered === true ? `${sign} ${box}` : sign, place);
    spaced = true;
    return [...point, ...blocks(item.children, { ...place, inList: true })];
  }

  /** A table is aligned text, or a list with an entry for each row, which names the columns. */
  function table(node: Table, place: Place): Item {
    const columns = node.children[0]?.children.length ?? 0;
    const cellsOf = (row: TableRow): Nodes[][] =>
      Array.from({ length: columns }, (_, column) => row.children[column]?.children ?? []);
    const [head, ...rows] = node.children.map(cellsOf);
    const within = { ...place, quoted: place.quoted === 'no' ? ('no' as const) : ('may' as const) };
    const inside = { ...within, shown: `${place.shown}?` };
    const cell = (nodes: Nodes[]): Item[] => {
      spaced = true;
      const items = all(nodes, inside);
      spaced = true;
      return items;
    };
    const say = (text: string): Item[] => {
      spaced = !/^[:]/.test(text);
      const items = glyphs(text, inside);
      spaced = true;
      return items;
    };
    const between = (sign: string, cells: Items): Item[] =>
      cells
        .filter((items) => items.length > 0)
        .flatMap((items, index) => (index === 0 ? items : [...say(sign), ...items]));
    const names = (): Items => (head ?? []).map(cell);
    const record = (row: Nodes[][]): Item[] =>
      row.flatMap((nodes, column) => {
        const [name = []] = [names()[column]];
        const value = cell(nodes);
        return [
          ...(name.length > 0 ? [...name, ...say(':')] : []),
          ...(value.length > 0 ? value : say('–')),
        ];
      });
    const aligned = [
      ...names().flat(),
      { kind: 'rule' as const },
      ...rows.flatMap((row) => row.flatMap(cell)),
    ];
    const listed =
      columns > 2 && rows.length > 0
        ? rows.flatMap(record)
        : [
            ...between('·', names()),
            ...rows.flatMap((row) => [...say('•'), ...between(':', row.map(cell))]),
          ];
    return { kind: 'either', choices: [aligned, listed] };
  }

  function prepare(node: Nodes): void {
    if (node.type === 'definition' && !definitions.has(node.identifier))
      definitions.set(node.identifier, node);
    if (node.type === 'linkReference' || node.type === 'imageReference') used.add(node.identifier);
    if ('children' in node) for (const child of node.children) prepare(child);
  }

  return {
    read(place) {
      prepare(root);
      return blocks(root.children, place);
    },
    readHeading(place) {
      const [heading] = root.children;
      return heading?.type === 'heading' ? all(heading.children, place) : [];
    },
  };
}

/** A text of the parser without what stands for escapes and entities. */
function unmarked(text: string): string {
  return text
    .replaceAll(escaped, '')
    .replaceAll(/\ufdd5([^\ufdd5]*)\ufdd5/g, (_, raw: string) => decodeEntity(raw));
}

/** What a node says, without marks. */
export function textOf(node: Nodes): string {
  if ('value' in node) return unmarked(node.value);
  if ('alt' in node) return unmarked(node.alt ?? '');
  return 'children' in node ? node.children.map(textOf).join('') : '';
}

/** An address does not end in a sign that phones leave out of a link: it is percent-encoded. */
function safeEnd(address: string): string {
  const encode = (sign: string): string => {
    const bytes = [...new TextEncoder().encode(sign)];
    return bytes.map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('');
  };
  if (!/^https?:/i.test(address)) return address.replaceAll('`', '%60');
  return address.replaceAll(/[\s<>`"]|[^\p{L}\p{N}/#?&=%]$/gu, encode);
}
