import { cut } from '../../shared/runtime/cut.ts';

/**
 * A shared contact, limited to what a message needs. The kinds are the card's own words in lower
 * case, such as `cell` or `work`; empty when missing. `more` counts the numbers, addresses and the
 * like that were left out.
 */
export type Contact = {
  name: string;
  numbers: { number: string; kind: string }[];
  mails: string[];
  organisation: string;
  addresses: string[];
  more: number;
};

/**
 * One line of a card: `item1.TEL;TYPE=cell:+44 …`. Parameter names are in upper case, their values
 * unchanged.
 */
type Property = { group: string; name: string; parameters: Map<string, string[]>; value: string };

/**
 * Limits on contacts per file, on numbers, mail addresses and places per contact, and on the length
 * of a value and of a kind.
 */
const mostContacts = 1000;
const mostOfAKind = 10;
const longestValue = 200;
const longestKind = 40;
/**
 * Limits on the parameters of a line, their length, and the length of its value (characters, before
 * decoding).
 */
const mostParameters = 20;
const longestParameter = 200;
const longestRawValue = 4000;

/**
 * Parses contact cards (vCard 2.1, RFC 2426 and RFC 6350) as phones share them, including several
 * in one file. It is lenient: unknown properties are left out, and a card without an end ends with
 * the file. At most 1,000 contacts; empty when there is no card. Linear in the length of the text.
 */
export function parseContacts(text: string): Contact[] {
  const contacts: Contact[] = [];
  let card: Card | undefined;
  const close = (): void => {
    const contact = card && toContact(card);
    if (contact && (contact.name !== '' || contact.numbers.length > 0 || contact.mails.length > 0))
      contacts.push(contact);
    card = undefined;
  };
  for (const line of unfold(text)) {
    const property = parseProperty(line);
    if (property?.name === 'BEGIN') {
      close();
      if (contacts.length >= mostContacts) break;
      card = { byName: new Map(), more: 0 };
    } else if (property?.name === 'END') close();
    else if (property && card) keep(card, property);
  }
  if (contacts.length < mostContacts) close();
  return contacts;
}

/**
 * Formats a contact in one line: “Ada Lovelace, +44 20 7946 0000 (cell), ada@example.com,
 * Analytical Engines”.
 */
export function contactWords(contact: Contact): string {
  const { name, numbers, mails, organisation, addresses, more } = contact;
  const phones = numbers.map(({ number, kind }) => (kind === '' ? number : `${number} (${kind})`));
  const rest = more === 0 ? '' : `and ${more} more entries`;
  return [name || 'no name', ...phones, ...mails, organisation, ...addresses, rest]
    .filter((part) => part !== '')
    .join(', ');
}

/**
 * Joins folded lines: continued by a blank at the start of the next, or in quoted-printable by an
 * equals sign at their own end.
 */
function* unfold(text: string): Iterable<string> {
  let pieces: string[] = [];
  let quoted = false;
  for (const line of text.replace(/^\uFEFF/, '').split(/\r\n|\r|\n/)) {
    const last = pieces.at(-1);
    if (last !== undefined && quoted && last.endsWith('=')) {
      // A blank at the start of the next line belongs to the text.
      pieces[pieces.length - 1] = last.slice(0, -1);
      pieces.push(line);
    } else if (last !== undefined && /^[ \t]/.test(line)) pieces.push(line.slice(1));
    else {
      if (last !== undefined) yield pieces.join('');
      pieces = [line];
      quoted = /;(?:ENCODING=)?QUOTED-PRINTABLE[;:]/i.test(line.slice(0, longestRawValue));
    }
  }
  yield pieces.join('');
}

/** The properties that are read. */
const wanted = new Set(['BEGIN', 'END', 'N', 'FN', 'TEL', 'EMAIL', 'ORG', 'ADR', 'X-ABLABEL']);

function parseProperty(line: string): Property | undefined {
  const head = splitHead(line);
  if (!head) return undefined;
  const [full = '', ...rest] = head.parts;
  const [name = '', group = ''] = full.toUpperCase().split('.').toReversed();
  if (!wanted.has(name)) return undefined;
  const parameters = new Map<string, string[]>();
  for (const parameter of rest) {
    const at = parameter.indexOf('=');
    const value = parameter.slice(at + 1);
    // A value without a name, as in vCard 2.1, is an encoding or a type.
    const key =
      at > 0
        ? parameter.slice(0, at).toUpperCase()
        : /^(?:QUOTED-PRINTABLE|BASE64|[78]BIT)$/i.test(value)
          ? 'ENCODING'
          : 'TYPE';
    const values = value.replaceAll('"', '').split(',', mostParameters);
    parameters.set(key, [...(parameters.get(key) ?? []), ...values]);
  }
  return {
    group,
    name,
    parameters,
    value: line.slice(head.end + 1, head.end + 1 + longestRawValue),
  };
}

/**
 * The name and first parameters before a line's first colon, and the colon's position. A colon or
 * semicolon in quotation marks belongs to a parameter. Undefined without a colon.
 */
function splitHead(line: string): { parts: string[]; end: number } | undefined {
  const parts: string[] = [];
  let start = 0;
  let quoted = false;
  for (let at = 0; at < line.length; at += 1) {
    const sign = line[at];
    if (sign === '"') quoted = !quoted;
    if (quoted || (sign !== ';' && sign !== ':')) continue;
    if ((parts.length === 0 || at > start) && parts.length <= mostParameters)
      parts.push(line.slice(start, Math.min(at, start + longestParameter)));
    start = at + 1;
    if (sign === ':') return { parts, end: at };
  }
  return undefined;
}

/** A card's properties by name; `more` counts those left out. */
type Card = { byName: Map<string, Property[]>; more: number };

function keep(card: Card, property: Property): void {
  const known = card.byName.get(property.name) ?? [];
  if (known.length < (property.name === 'X-ABLABEL' ? 4 : 1) * mostOfAKind)
    card.byName.set(property.name, [...known, property]);
  else if (counted.has(property.name)) card.more += 1;
}

/** Properties that a contact may have several of, unlike names. */
const counted = new Set(['TEL', 'EMAIL', 'ADR']);

function toContact({ byName, more }: Card): Contact {
  const find = (name: string): Property[] => byName.get(name) ?? [];
  const isWord = (value: string): boolean => value !== '';
  const labels = new Map(
    find('X-ABLABEL')
      .toReversed()
      .map((label) => [label.group, label]),
  );
  const [structured] = find('N').map((property) => parts(property));
  const [family = '', given = '', middle = ''] = structured ?? [];
  const full = find('FN').map(read).find(isWord);
  return {
    name: full ?? [given, middle, family].filter(isWord).join(' '),
    numbers: find('TEL')
      .map((property) => ({
        number: read(property).replace(/^tel:/i, ''),
        kind: kindOf(property, labels),
      }))
      .filter(({ number }) => number !== ''),
    mails: find('EMAIL')
      .map((property) => read(property).replace(/^mailto:/i, ''))
      .filter(isWord),
    organisation: find('ORG').map((property) => parts(property).filter(isWord).join(', '))[0] ?? '',
    addresses: find('ADR')
      .map((property) => parts(property).filter(isWord).join(', '))
      .filter(isWord),
    more,
  };
}

/** A number's kind: Apple's label beside it, or its first meaningful type. */
function kindOf(property: Property, labels: Map<string, Property>): string {
  const label = property.group === '' ? undefined : labels.get(property.group);
  if (label)
    return cut(
      read(label)
        .replace(/^_\$!<(.*)>!\$_$/, '$1')
        .toLowerCase(),
      longestKind,
    );
  const types = (property.parameters.get('TYPE') ?? []).map((type) => type.toLowerCase());
  return cut(
    types.find((type) => !['voice', 'pref', 'internet', 'text'].includes(type)) ?? '',
    longestKind,
  );
}

/** A property's decoded value, on one line. */
function read(property: Property): string {
  return plain(decode(property));
}

/** The parts of a value, separated by semicolons. */
function parts(property: Property): string[] {
  return decode(property)
    .split(/(?<!\\);/, mostOfAKind)
    .map(plain);
}

function plain(value: string): string {
  return cut(value.replaceAll(/\\[nN]/g, ' ').replaceAll(/\\(.)/g, '$1'), longestValue);
}

function decode({ parameters, value }: Property): string {
  if (!parameters.get('ENCODING')?.some((encoding) => /^QUOTED-PRINTABLE$/i.test(encoding)))
    return value;
  const bytes = Buffer.from(
    value.replaceAll(/=([0-9a-f]{2})/gi, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    ),
    'latin1',
  );
  try {
    return new TextDecoder(parameters.get('CHARSET')?.[0] ?? 'utf-8').decode(bytes);
  } catch {
    // An unknown character set.
    return bytes.toString('utf8');
  }
}
