import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineScript } from './script.ts';
import type { Script } from './script.ts';

/**
 * The text of a Lua file. Its first lines are comments; among them `-- keys:`, `-- args:`,
 * `-- rest:` and `-- fence:` name what a script is given, in order, `-- uses:` names the files in
 * `functions/` whose functions it calls, and `-- derives:` the keys that it builds. A line that is
 * too long continues in another one of the same name.
 */
export type LuaText = {
  keys: string[];
  args: string[];
  rest: string | undefined;
  fence: string | undefined;
  uses: string[];
  /** What Redis gets: the code, after the line about the derived keys. */
  code: string;
};

/** Parses the text of a Lua file. */
export function parseLua(text: string): LuaText {
  let [at, derives] = [0, ''];
  const named = new Map<string, string[]>();
  while (text.startsWith('--', at)) {
    const end = text.indexOf('\n', at) + 1 || text.length;
    const colon = text.indexOf(': ', at);
    const name = colon > 0 && colon < end ? text.slice(at + 3, colon) : '';
    if (name === 'derives') derives += text.slice(at, end);
    const names = text
      .slice(colon + 2, end)
      .trimEnd()
      .split(', ');
    named.set(name, [...(named.get(name) ?? []), ...names]);
    at = end;
  }
  return {
    keys: named.get('keys') ?? [],
    args: named.get('args') ?? [],
    rest: named.get('rest')?.[0],
    fence: named.get('fence')?.[0],
    uses: named.get('uses') ?? [],
    code: derives + text.slice(at).trimEnd(),
  };
}

/** Functions that several scripts use, by the name of their file; each is read once. */
const functions = new Map<string, LuaText>();

function readFunctions(name: string): LuaText {
  const known = functions.get(name);
  if (known) return known;
  const file = path.join(import.meta.dirname, 'functions', `${name}.lua`);
  const read = parseLua(readFileSync(file, 'utf8'));
  functions.set(name, read);
  return read;
}

/**
 * A statement of a file of functions: what it gives a name, its words, and its text as Redis gets
 * it. Between statements are comments only.
 */
type Statement = { names: string[]; words: string[]; text: string };

const statements = new Map<string, Statement[]>();

const wordsOf = (code: string): string[] => code.match(/[A-Za-z_]\w*/g) ?? [];

/** Code without indentation, and without comments but those that name the derived keys. */
const bare = (code: string): string =>
  code.replaceAll(/^ *--(?! derives:)[^\n]*(?:\n|$)|^ +/gm, '').trimEnd();

/** What stands in front of every script. */
const tolerant = bare(
  parseLua(readFileSync(path.join(import.meta.dirname, 'tolerant.lua'), 'utf8')).code,
);

function readStatements(name: string): Statement[] {
  const known = statements.get(name);
  if (known) return known;
  const parts = readFunctions(name).code.split(/^(?=local )/m);
  const read = parts.map(bare).map((text) => {
    const [, one, several] = /^local (?:function (\w+)|([\w, ]+) =)/.exec(text) ?? [];
    // The first part may be the keys that the functions build.
    return { names: one ? [one] : (several?.split(', ') ?? []), words: wordsOf(text), text };
  });
  statements.set(name, read);
  return read;
}

/**
 * A script behind those functions that it calls, directly or through others. In a transaction it
 * travels as text each time: what it does not call would cost both sides more than it does.
 */
function compose({ code, uses }: LuaText): string {
  const own = bare(code);
  const wanted = new Set(wordsOf(own));
  const kept = [own];
  for (const { names, words, text } of [...withUsed(uses)].flatMap(readStatements).toReversed()) {
    if (names.length > 0 && !names.some((name) => wanted.has(name))) continue;
    for (const word of words) wanted.add(word);
    kept.push(text);
  }
  return kept.toReversed().join('\n');
}

/** The names with all that they use in turn, each once and after what it uses. */
function withUsed(names: string[], ordered = new Set<string>()): Set<string> {
  for (const name of names) {
    withUsed(readFunctions(name).uses, ordered);
    ordered.add(name);
  }
  return ordered;
}

/**
 * Reads a script from its file, when the module that owns it is loaded. The header of the file must
 * name what `declared` names, in the same order; a TypeError says where they differ. Redis and
 * ioredis know the script as `sidepocket` and the name of the file (`requeue-given-up.lua` is
 * `sidepocketRequeueGivenUp`), so a file's name is unique in the system. `tolerant.lua` stands in
 * front of each.
 */
export function loadScript<const S extends Omit<Script, 'name' | 'lua'>>(
  file: URL,
  declared: S,
): S & Pick<Script, 'name' | 'lua'> {
  const script = parseLua(readFileSync(file, 'utf8'));
  const { keys = [], args = [], rest, fence }: Omit<Script, 'name' | 'lua'> = declared;
  const said = { keys, args, rest: rest ?? [], fence: fence ?? [] };
  for (const [what, names] of Object.entries(said)) {
    const [own, given] = [script[what as keyof typeof said] ?? '', names].map(String);
    if (own !== given)
      throw new TypeError(`${fileURLToPath(file)} has the ${what} “${own}”, its caller “${given}”`);
  }
  for (const used of script.uses) readFunctions(used);
  const name = scriptNameOf(fileURLToPath(file));
  let lua: string | undefined;
  return {
    ...declared,
    name,
    get lua() {
      const define = (): string => defineScript({ ...declared, name, lua: compose(script) }).lua;
      // Behind its name, which its first line has.
      return (lua ??= define().replace('\n', () => `\n${tolerant}\n`));
    },
  };
}

/** The name of the script in a file. */
export function scriptNameOf(file: string): string {
  const words = path.basename(file, '.lua').split('-');
  return `sidepocket${words.map((word) => word.slice(0, 1).toUpperCase() + word.slice(1)).join('')}`;
}
