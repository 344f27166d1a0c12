/**
 * A line of a script's header: the names of KEYS, those of ARGV, the list of the others, the fence.
 */
const headerLine = new RegExp(
  [
    String.raw`^local [\w, ]+ = (?:KEYS|ARGV)\[`,
    String.raw`^local \w+ = \{\}$`,
    String.raw`^for i = \d+, #ARGV do `,
    String.raw`^local function isFenced\(`,
  ].join('|'),
);

/** Names that mean something in Lua already. */
const taken = new Set([
  ...'and break do else elseif end false for function if in local nil not or repeat return then true until while'.split(
    ' ',
  ),
  ...'redis cjson string table math unpack ipairs pairs next type tonumber tostring pcall error select'.split(
    ' ',
  ),
]);

/** The words of a script without comments, texts, and what its named functions do. */
function wordsOf(lua: string): string[] {
  const code = lua.replaceAll(/'(?:[^'\\\n]|\\.)*'|--[^\n]*/g, ' ');
  const words = code.match(/[A-Za-z_]\w*|[^\s\w]/g) ?? [];
  const own: string[] = [];
  let depth = 0;
  for (const [index, word] of words.entries()) {
    const isNamed = word === 'function' && words[index - 1] === 'local';
    if (depth === 0) own.push(word);
    if (depth === 0 && isNamed) own.push(words[index + 1] ?? '');
    if (
      (depth > 0 && ['function', 'if', 'do', 'repeat'].includes(word)) ||
      (depth === 0 && isNamed)
    )
      depth += 1;
    else if (depth > 0 && ['end', 'until'].includes(word)) depth -= 1;
  }
  return own;
}

/** The names that a script gives, outside of its named functions. */
function declared(words: string[]): string[] {
  return words.flatMap((word, index) => {
    const isGiven =
      word === 'local' || word === 'for' || (word === 'function' && words[index + 1] === '(');
    if (!isGiven) return [];
    const from = index + (words[index + 1] === 'function' || words[index + 1] === '(' ? 2 : 1);
    const names: string[] = [];
    for (let at = from; /^\w/.test(words[at] ?? ''); at += 2) {
      names.push(words[at] ?? '');
      if (words[at + 1] !== ',') break;
    }
    return names;
  });
}

/**
 * The names of a line of the header; a key that is only derived need not be named by the script
 * itself.
 */
function namesIn(line: string): { names: string[]; mayBeSilent: boolean } {
  const names = line.slice('local '.length).split(' = ', 1)[0]?.split(', ') ?? [];
  return { names, mayBeSilent: line.includes('KEYS[') };
}

/**
 * What is wrong with the names of a script as Redis gets it: one that is given to something else as
 * well, one that the script does not use, a place instead of a name.
 */
export function misnamed(lua: string): string[] {
  // What stands in front of every script takes the name of Redis on purpose.
  const [tolerant = '', own = tolerant] = lua.split('}, { __index = real })\n');
  const lines = own.split('\n');
  const end = lines.findIndex(
    (line) => !headerLine.test(line) && !line.startsWith('-- sidepocket'),
  );
  const body = lines.slice(end).join('\n');
  const header = lines
    .slice(0, end)
    .filter((line) => /^local (?!function)/.test(line))
    .map(namesIn);
  const names = header.flatMap((line) => line.names);
  const again = new Set(declared(wordsOf(body)));
  const isTwo = (name: string, at: number): boolean =>
    names.indexOf(name) !== at || again.has(name) || taken.has(name);
  const used = new Set(['token', ...(body.match(/\w+/g) ?? [])]);
  const silent = header
    .flatMap((line) => (line.mayBeSilent ? [] : line.names))
    .filter((name) => !used.has(name));
  return [
    ...names.filter(isTwo).map((name) => `${name} is two things`),
    ...silent.map((name) => `${name} is not used`),
    ...(/\b(?:KEYS|ARGV)\b/.test(body) ? ['a place instead of a name'] : []),
  ];
}
