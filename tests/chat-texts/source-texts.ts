import { parsers } from 'prettier/plugins/typescript';

/** A node of the syntax tree (ESTree), and what stands around it, the nearest last. */
type Node = { type: string; range: [number, number]; [field: string]: unknown };

/**
 * A text of a source file as it is put together: `{x}` is filled in, `[a / b]` is one of them, and
 * `[a]` may be missing. `path` are the names of what it stands in, outermost first; `command` is
 * the usage of the command whose answer it is.
 */
export type SourceText = { text: string; path: string[]; command: string | undefined };

/** Calls whose texts are for the log or Redis, and properties that hold no text for a person. */
const silentCalls = /^(?:log|context\.log|parts\.log|z|console|redis|defineScript|job)\b/;
const silentFields = new Set([
  'lua',
  'id',
  'name',
  'kind',
  'note',
  'pattern',
  'recall',
  'state',
  'status',
  'headers',
]);

/** Problems whose message is a clause for the person; every other error is for the log. */
const spokenProblems = new Set(['MediaProblem', 'TranscribeProblem']);

/** Properties whose values are shown, whatever they look like. */
const shownFields = new Set(['title', 'label', 'button', 'does', 'description', 'text']);

/** Reads every text in a TypeScript file that a person could read, in the order of the file. */
export async function readSourceTexts(source: string): Promise<SourceText[]> {
  const root = asNode(await parsers.typescript.parse(source, {} as never));
  const found: (SourceText & { node: Node })[] = [];
  const inlined = new Set<Node>();
  const constants = readConstants(root);

  /** A text in words, undefined when the expression is none. */
  const render = (node: Node, depth = 0): string | undefined => {
    if (depth > 6) return undefined;
    const of = (field: string): string | undefined => {
      const inner = asNode(node[field]);
      return inner && render(inner, depth + 1);
    };
    switch (node.type) {
      case 'Literal':
        return typeof node['value'] === 'string' ? node['value'] : undefined;
      case 'TemplateLiteral': {
        const parts = asNodes(node['expressions']).map(
          (part) => render(part, depth + 1) ?? `{${nameOf(part)}}`,
        );
        const words = asNodes(node['quasis']).map(
          ({ value }) => (value as { cooked: string }).cooked,
        );
        return words.map((word, index) => `${word}${parts[index] ?? ''}`).join('');
      }
      case 'ConditionalExpression':
      case 'LogicalExpression': {
        const [one, other] =
          node.type === 'LogicalExpression'
            ? [of('left'), of('right')]
            : [of('consequent'), of('alternate')];
        if (one === undefined && other === undefined) return undefined;
        const isLogical = node.type === 'LogicalExpression';
        const left = one ?? `{${nameOf(asNode(isLogical ? node['left'] : node['consequent']))}}`;
        const right = other ?? `{${nameOf(asNode(isLogical ? node['right'] : node['alternate']))}}`;
        const choices = [left, right].filter((choice) => choice !== '' && choice !== '{undefined}');
        return `[${choices.join(' / ')}]`;
      }
      case 'Identifier': {
        const value = constants.get(String(node['name']));
        const text = value && render(value, depth + 1);
        if (value && text !== undefined) inlined.add(value);
        return text;
      }
      default:
        return undefined;
    }
  };

  const visit = (
    value: unknown,
    path: string[],
    field: string,
    command: string | undefined,
  ): void => {
    if (Array.isArray(value)) return value.forEach((item) => visit(item, path, field, command));
    const node = asNode(value);
    if (!node || isSilent(node, source)) return;
    const isIdentifier = node.type === 'Identifier';
    const text = isIdentifier ? undefined : render(node);
    if (text !== undefined) {
      if (path.at(-1)?.endsWith('Lua')) return;
      if (isShown(text, field)) found.push({ node, text, path, command });
      return;
    }
    const named = nameIn(node);
    if (named?.endsWith('Lua')) return;
    const inner = named === undefined ? path : [...path, named];
    const usage = usageOf(node, source) ?? command;
    const own = node.type === 'Property' ? String(keyOf(node) ?? field) : field;
    for (const [key, child] of Object.entries(node)) {
      const isAside = key === 'range' || key === 'loc' || key === 'key' || key === 'typeAnnotation';
      if (!isAside) visit(child, inner, own, usage);
    }
  };
  visit(root?.['body'], [], '', undefined);
  return found
    .filter(({ node }) => !inlined.has(node))
    .map(({ text, path, command }) => ({ text: text.trim(), path, command }));
}

function isShown(text: string, field: string): boolean {
  if (silentFields.has(field)) return false;
  const pieces = text.replaceAll(/\{[^}]*\}/g, '').split(/ \/ |[[\]]/);
  return pieces.some(
    (piece) =>
      /\p{L}.*\s.*\p{L}/su.test(piece) ||
      /^\p{Lu}\p{L}*[.!?…:]$/u.test(piece) ||
      (shownFields.has(field) && /\p{L}/u.test(piece)),
  );
}

/** What holds no text for a person: types, imports, errors, and calls for the log and Redis. */
function isSilent(node: Node, source: string): boolean {
  if (
    node.type.startsWith('TS') &&
    !['TSAsExpression', 'TSSatisfiesExpression', 'TSNonNullExpression'].includes(node.type)
  )
    return true;
  if (node.type === 'ImportDeclaration' || node.type === 'TaggedTemplateExpression') return true;
  if (node.type === 'Property') return silentFields.has(String(keyOf(node)));
  const callee = asNode(node['callee']);
  if (!callee) return false;
  const name = source.slice(...callee.range);
  if (node.type === 'NewExpression')
    return (
      !spokenProblems.has(name) &&
      /(?:Error|Problem|Failure|Request|RegExp|Set|Gauge|Counter|Histogram)$/.test(name)
    );
  return (
    silentCalls.test(name) ||
    /\.(?:test|match|includes|startsWith|endsWith|log|note)$/.test(name) ||
    name === 'noteOf'
  );
}

/** The usage of a command, from its help or from its pattern. */
function usageOf(node: Node, source: string): string | undefined {
  if (node.type !== 'ObjectExpression') return undefined;
  const properties = asNodes(node['properties']);
  const valueOf = (name: string): Node | undefined =>
    asNode(properties.find((property) => keyOf(property) === name)?.['value']);
  const pattern = valueOf('pattern');
  if (!pattern || !properties.some((property) => keyOf(property) === 'run')) return undefined;
  const usage = asNodes(valueOf('help')?.['properties']).find((one) => keyOf(one) === 'usage');
  const written = asNode(usage?.['value'])?.['value'];
  if (typeof written === 'string') return written;
  return /(?<=\\)\/\??[a-z-]+/.exec(source.slice(...pattern.range))?.[0].replace('?', '');
}

/** The constants of a file by their names, without those that two places name alike. */
function readConstants(root: Node | undefined): Map<string, Node> {
  const constants = new Map<string, Node>();
  const twice = new Set<string>();
  const look = (value: unknown): void => {
    if (Array.isArray(value)) return value.forEach(look);
    const node = asNode(value);
    if (!node) return;
    const [id, init] = [asNode(node['id']), asNode(node['init'])];
    if (node.type === 'VariableDeclarator' && id?.type === 'Identifier') {
      const name = String(id['name']);
      if (constants.has(name)) twice.add(name);
      if (init) constants.set(name, init);
    }
    for (const [key, child] of Object.entries(node))
      if (key !== 'range' && key !== 'loc') look(child);
  };
  look(root);
  for (const name of twice) constants.delete(name);
  return constants;
}

function nameIn(node: Node): string | undefined {
  if (node.type === 'FunctionDeclaration' || node.type === 'VariableDeclarator') {
    const id = asNode(node['id']);
    return id?.type === 'Identifier' ? String(id['name']) : undefined;
  }
  return node.type === 'Property' ? keyOf(node) : undefined;
}

function keyOf(node: Node): string | undefined {
  const key = asNode(node['key']);
  if (!key) return undefined;
  return String(key['name'] ?? key['value'] ?? '');
}

/** What an expression is, in a word or two. */
function nameOf(node: Node | undefined): string {
  if (!node) return '…';
  switch (node.type) {
    case 'Identifier':
      return String(node['name']);
    case 'MemberExpression':
      return nameOf(asNode(node['property']));
    case 'CallExpression': {
      const callee = nameOf(asNode(node['callee']));
      const [first] = asNodes(node['arguments']);
      const isPlain = /^(?:cut|shorten|showLine|showText|quote|fence|String|count|dollars)$/.test(
        callee,
      );
      return isPlain && first
        ? nameOf(first)
        : callee === 'join' || callee === 'map'
          ? nameOf(asNode(asNode(node['callee'])?.['object']))
          : callee;
    }
    case 'BinaryExpression':
    case 'LogicalExpression':
      return nameOf(asNode(node['left']));
    case 'ChainExpression':
    case 'TSNonNullExpression':
    case 'AwaitExpression':
      return nameOf(asNode(node['expression'] ?? node['argument']));
    default:
      return '…';
  }
}

function asNode(value: unknown): Node | undefined {
  const isNode = typeof value === 'object' && value !== null && 'type' in value && 'range' in value;
  return isNode ? (value as Node) : undefined;
}

function asNodes(value: unknown): Node[] {
  return Array.isArray(value) ? value.flatMap((item: unknown) => asNode(item) ?? []) : [];
}
