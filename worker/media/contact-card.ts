/** A shared contact, as far as a message needs it. The kinds are the card's own words in small letters, such as `cell` or `work`; empty when there is none. */
export type Contact = { name: string; numbers: { number: string; kind: string }[]; mails: string[]; organisation: string; addresses: string[] };

/** One line of a card: `item1.TEL;TYPE=cell:+44 …`. Parameters are in capital letters, with their values as they are. */
type Property = { group: string; name: string; parameters: Map<string, string[]>; value: string };

/** More than this nobody shares at once, and a value that is longer is no name or number. */
const mostContacts = 50;
const longestValue = 200;

/**
 * Reads contact cards (vCard 2.1, RFC 2426 and RFC 6350) as phones share them, several in one file, too. It is lenient: what it does not know it leaves
 * out, and a card without an end ends with the file. Empty when there is no card.
 */
export function parseContacts(text: string): Contact[] {
  const cards: Property[][] = [];
  let open: Property[] | undefined;
  for (const line of unfold(text)) {
    const property = parseProperty(line);
    if (property?.name === 'BEGIN') cards.push((open = []));
    else if (property?.name === 'END') open = undefined;
    else if (property) open?.push(property);
  }
  return cards.slice(0, mostContacts).map(toContact).filter((contact) => contact.name !== '' || contact.numbers.length > 0 || contact.mails.length > 0);
}

/** A contact in one line of words: “Ada Lovelace, +44 20 7946 0000 (cell), ada@example.com, Analytical Engines”. */
export function contactWords({ name, numbers, mails, organisation, addresses }: Contact): string {
  const phones = numbers.map(({ number, kind }) => (kind === '' ? number : `${number} (${kind})`));
  return [name || 'no name', ...phones, ...mails, organisation, ...addresses].filter((part) => part !== '').join(', ');
}

/** Joins lines that were folded: by a blank at the beginning of the next, or in quoted-printable by an equals sign at their own end. */
function unfold(text: string): string[] {
  const lines: string[] = [];
  for (const line of text.replace(/^\uFEFF/, '').split(/\r\n|\r|\n/)) {
    const before = lines.at(-1);
    if (before !== undefined && /^[ \t]/.test(line)) lines[lines.length - 1] = before + line.slice(1);
    else if (before !== undefined && before.endsWith('=') && /;(?:ENCODING=)?QUOTED-PRINTABLE[;:]/i.test(before)) lines[lines.length - 1] = before.slice(0, -1) + line;
    else lines.push(line);
  }
  return lines;
}

function parseProperty(line: string): Property | undefined {
  // A colon between quotation marks belongs to a parameter.
  const [head] = /^(?:"[^"]*"|[^":])*(?=:)/.exec(line) ?? [];
  const [full = '', ...rest] = head?.match(/(?:"[^"]*"|[^;"])+/g) ?? [];
  const [name = '', group = ''] = full.toUpperCase().split('.').toReversed();
  if (head === undefined || !/^[\w-]+$/.test(name)) return undefined;
  const parameters = new Map<string, string[]>();
  for (const parameter of rest) {
    const at = parameter.indexOf('=');
    const value = parameter.slice(at + 1);
    // A value without a name, as vCard 2.1 writes it, is an encoding or a type.
    const key = at > 0 ? parameter.slice(0, at).toUpperCase() : /^(?:QUOTED-PRINTABLE|BASE64|[78]BIT)$/i.test(value) ? 'ENCODING' : 'TYPE';
    parameters.set(key, [...(parameters.get(key) ?? []), ...value.replaceAll('"', '').split(',')]);
  }
  return { group, name, parameters, value: line.slice(head.length + 1) };
}

function toContact(card: Property[]): Contact {
  const find = (name: string): Property[] => card.filter((property) => property.name === name);
  const [structured] = find('N').map((property) => parts(property));
  const [family = '', given = '', middle = ''] = structured ?? [];
  const full = find('FN').map(read).find((value) => value !== '');
  return {
    name: full ?? [given, middle, family].filter((part) => part !== '').join(' '),
    numbers: find('TEL').map((property) => ({ number: read(property).replace(/^tel:/i, ''), kind: kindOf(property, card) })).filter(({ number }) => number !== ''),
    mails: find('EMAIL').map((property) => read(property).replace(/^mailto:/i, '')).filter((mail) => mail !== ''),
    organisation: find('ORG').map((property) => parts(property).filter((part) => part !== '').join(', '))[0] ?? '',
    addresses: find('ADR').map((property) => parts(property).filter((part) => part !== '').join(', ')).filter((address) => address !== ''),
  };
}

/** What a number is for: the label that Apple writes beside it, or its first type that says something. */
function kindOf(property: Property, card: Property[]): string {
  const label = card.find(({ name, group }) => name === 'X-ABLABEL' && group !== '' && group === property.group);
  if (label) return read(label).replace(/^_\$!<(.*)>!\$_$/, '$1').toLowerCase();
  return (property.parameters.get('TYPE') ?? []).map((type) => type.toLowerCase()).find((type) => !['voice', 'pref', 'internet', 'text'].includes(type)) ?? '';
}

/** A property's value in plain words, on one line. */
function read(property: Property): string {
  return plain(decode(property));
}

/** The parts of a value that semicolons divide. */
function parts(property: Property): string[] {
  return decode(property).split(/(?<!\\);/).map(plain);
}

function plain(value: string): string {
  return value.replaceAll(/\\[nN]/g, ' ').replaceAll(/\\(.)/g, '$1').replaceAll(/\s+/g, ' ').trim().slice(0, longestValue);
}

function decode({ parameters, value }: Property): string {
  if (!parameters.get('ENCODING')?.some((encoding) => /^QUOTED-PRINTABLE$/i.test(encoding))) return value;
  const bytes = Buffer.from(value.replaceAll(/=([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))), 'latin1');
  try {
    return new TextDecoder(parameters.get('CHARSET')?.[0] ?? 'utf-8').decode(bytes);
  } catch {
    // A character set that nobody knows.
    return bytes.toString('utf8');
  }
}
