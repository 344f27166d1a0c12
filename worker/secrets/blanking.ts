/** A secret's name and value. */
export type NamedSecret = { name: string; value: string };

/**
 * Replaces every secret in a text, in any of the forms in which programs print one. `isPiece`: the
 * text is a piece of an output whose others come apart from it, so a secret may begin or end in
 * another.
 */
export type Blank = (text: string, isPiece?: boolean) => string;

/** What is looked for, the longest first, and what stands for it. */
type Forms = readonly [form: string, mark: string][];

/** The shortest piece of a secret that is looked for (characters): less is in ordinary words. */
const shortestPiece = 6;

/** Lines of a value with several, such as a key, are looked for alone from this length on. */
const shortestLine = 16;

/** The lengths at which programs break lines of base64: `base64`, and PEM. */
const lineLengths = [76, 64];

/** What stands for a secret; no sign of it means anything in Markdown or WhatsApp. */
export function blankMark(name: string): string {
  return `•••${name}•••`;
}

/**
 * Builds the blanking of these secrets: as they are, line by line, in JSON, in an address, in HTML,
 * quoted for a shell, in hexadecimal, and in base64 wherever in the encoded text they begin. A text
 * that was cut within a secret ends with “…”: what is left of the secret before it goes, too. Line
 * breaks within a secret hide nothing of it: programs, and the blocks of an output, are broken
 * anywhere.
 */
export function createBlank(secrets: readonly NamedSecret[]): Blank {
  const marks = new Map<string, string>();
  for (const { name, value } of secrets)
    for (const form of formsOf(value)) if (!marks.has(form)) marks.set(form, blankMark(name));
  // The longest first: a shorter secret may be a part of it.
  const forms = [...marks].toSorted(([one], [other]) => other.length - one.length);
  return (text, isPiece = false) => {
    if (forms.length === 0) return text;
    let blanked = text;
    for (const [form, mark] of forms)
      if (blanked.includes(form)) blanked = blanked.replaceAll(form, () => mark);
    if (blanked.includes('\n')) blanked = blankBroken(blanked, forms);
    if (blanked.includes('…')) blanked = blankCuts(blanked, forms);
    return isPiece ? blankEdges(blanked, forms) : blanked;
  };
}

/** Every form of a value that is looked for. */
function formsOf(value: string): Set<string> {
  const lines = value.split(/\r?\n/).filter((line) => line.length >= shortestLine);
  const forms = [
    value,
    value.replaceAll('\n', '\r\n'),
    ...(lines.length > 1 ? lines.filter((line) => !line.startsWith('-----')) : []),
    ...jsonForms(value),
    ...addressForms(value),
    ...htmlForms(value),
    ...shellForms(value),
    ...hexForms(value),
    ...base64Forms(value),
  ];
  return new Set(forms.filter((form) => form.length >= shortestPiece));
}

/** As a text within JSON, within JSON in JSON, in ASCII, and as Python and Node.js show a text. */
function jsonForms(value: string): string[] {
  const inner = (text: string): string => JSON.stringify(text).slice(1, -1);
  const json = inner(value);
  const ascii = json.replaceAll(
    /[\u0080-\uffff]/g,
    (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  const shown = json.replaceAll('\\"', '"');
  return [
    json,
    inner(json),
    ascii,
    json.replaceAll('/', '\\/'),
    shown,
    shown.replaceAll("'", "\\'"),
  ];
}

/** The quotation marks have several escapes. */
function htmlForms(value: string): string[] {
  const text = value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  const marked = text.replaceAll('"', '&quot;');
  return [
    text,
    marked,
    ...['&#39;', '&#x27;', '&apos;'].map((escape) => marked.replaceAll("'", escape)),
    text.replaceAll('"', '&#34;').replaceAll("'", '&#39;'),
  ];
}

/**
 * Between single marks, as people and `sh` write it, as `declare -p` prints it, and as `printf %q`.
 */
function shellForms(value: string): string[] {
  return [
    value.replaceAll("'", String.raw`'\''`),
    value.replaceAll("'", `'"'"'`),
    value.replaceAll(/[$`"\\]/g, String.raw`\$&`),
    value.replaceAll(/[^\w@%+=:,./-]/g, String.raw`\$&`),
  ];
}

/** In both cases, also in the lines of `xxd -p`. */
function hexForms(value: string): string[] {
  const hex = Buffer.from(value).toString('hex');
  return [hex, hex.toUpperCase(), ...wrap(hex, 60)];
}

/** As in a path, in a query, and in a form; escapes come in both cases. */
function addressForms(value: string): string[] {
  const wellFormed = value.toWellFormed();
  const query = new URLSearchParams({ a: wellFormed }).toString().slice(2);
  const forms = [encodeURIComponent(wellFormed), encodeURI(wellFormed), query];
  return forms.flatMap((form) => [
    form,
    form.replaceAll(/%[0-9A-F]{2}/g, (escape) => escape.toLowerCase()),
  ]);
}

/**
 * In base64 a value looks in three ways, by where in a group of three bytes it begins. Signs that
 * also hold bits of its neighbours are left out.
 */
function base64Forms(value: string): string[] {
  const bytes = Buffer.from(value);
  return [0, 1, 2].flatMap((before) => {
    const encoded = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64');
    const own = encoded.slice(
      Math.ceil((before * 8) / 6),
      Math.floor(((before + bytes.length) * 8) / 6),
    );
    const urlSafe = own.replaceAll('+', '-').replaceAll('/', '_');
    return [own, urlSafe, ...(before === 0 ? lineLengths.flatMap((size) => wrap(own, size)) : [])];
  });
}

/** The lines of a text that is broken after each `size` characters. */
function wrap(text: string, size: number): string[] {
  if (text.length <= size) return [];
  const lines: string[] = [];
  for (let at = 0; at < text.length; at += size) lines.push(text.slice(at, at + size));
  return lines.filter((line) => line.length >= shortestLine);
}

/** Blanks the secrets that line breaks have split. */
function blankBroken(text: string, forms: Forms): string {
  const withoutBreaks = (broken: string): string => broken.replaceAll(/[\r\n]/g, '');
  let blanked = text;
  let joined = withoutBreaks(text);
  for (const [form, mark] of forms) {
    const signs = withoutBreaks(form);
    if (signs.length < shortestPiece || !joined.includes(signs)) continue;
    blanked = replaceBroken(blanked, joined, [signs, mark]);
    joined = withoutBreaks(blanked);
  }
  return blanked;
}

/** Replaces what line breaks have split; `joined` is the text without its line breaks. */
function replaceBroken(text: string, joined: string, [signs, mark]: [string, string]): string {
  const places: number[] = [];
  for (let at = 0; at < text.length; at += 1)
    if (text[at] !== '\r' && text[at] !== '\n') places.push(at);
  let replaced = '';
  let from = 0;
  for (let at = joined.indexOf(signs); at >= 0; at = joined.indexOf(signs, at + signs.length)) {
    replaced += text.slice(from, places[at]) + mark;
    from = (places[at + signs.length - 1] ?? text.length) + 1;
  }
  return replaced + text.slice(from);
}

/** What Claude Code puts around a piece of an output. */
const frame = /(<\/?(?:stdout|stderr|output)>)/;

/** Blanks the end of a secret at the beginning of a piece, and the beginning of one at its end. */
function blankEdges(text: string, forms: Forms): string {
  const findEdge = (lengthOf: (form: string) => number): [length: number, mark: string] => {
    for (const [form, mark] of forms) {
      const length = lengthOf(form);
      if (length > 0) return [length, mark];
    }
    return [0, ''];
  };
  return text
    .split(frame)
    .map((piece) => {
      const inner = piece.trim();
      if (inner === '') return piece;
      const at = piece.indexOf(inner);
      const [length, mark] = findEdge((form) => overlap(inner, form));
      const start = inner.slice(0, inner.length - length);
      const [tail, tailMark] = findEdge((form) => tailAt(start, form));
      const blanked = tailMark + start.slice(tail) + mark;
      return piece.slice(0, at) + blanked + piece.slice(at + inner.length);
    })
    .join('');
}

/** Blanks the beginning of a secret where a text was cut within it. */
function blankCuts(text: string, forms: Forms): string {
  const pieces = text.split('…');
  const last = pieces.pop() ?? '';
  const ended = pieces.map((piece) => {
    for (const [form, mark] of forms) {
      const length = overlap(piece, form);
      if (length > 0) return piece.slice(0, piece.length - length) + mark;
    }
    return piece;
  });
  return [...ended, last].join('…');
}

/** How many of the first characters of `form` a text ends with; 0 when they are too few. */
function overlap(text: string, form: string): number {
  const head = form.slice(0, shortestPiece);
  const from = Math.max(text.length - form.length + 1, 0);
  for (let at = text.indexOf(head, from); at >= 0; at = text.indexOf(head, at + 1))
    if (form.startsWith(text.slice(at))) return text.length - at;
  return 0;
}

/** How many of the last characters of `form` a text begins with; 0 when they are too few. */
function tailAt(text: string, form: string): number {
  const first = text.charAt(0);
  const last = form.length - shortestPiece;
  for (let at = form.indexOf(first, 1); at > 0 && at <= last; at = form.indexOf(first, at + 1))
    if (text.startsWith(form.slice(at))) return form.length - at;
  return 0;
}
