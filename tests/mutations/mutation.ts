import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import path from 'node:path';

/** One small change that takes a guard out, and the test that must fail then. */
export type Mutation = {
  /** What the guard keeps out, or keeps, in a few words. */
  guard: string;
  /** The changed file, and the text in it that is replaced: it occurs once and may span lines. */
  file: string;
  from: string;
  to: string;
  /** The test file that must fail; `named` is a pattern of the tests in it that are run. */
  test: string;
  named?: string;
  /**
   * Why no test can notice the change. Only for a survivor: a mutation with a reason that is killed
   * is an error of the list.
   */
  why?: string;
};

/**
 * A line of the list: the guard, the text replaced, its replacement, and what differs from the
 * other lines of the group.
 */
type Line = [
  guard: string,
  from: string,
  to: string,
  rest?: Partial<Pick<Mutation, 'test' | 'named' | 'why'>>,
];

/** The mutations of one file, which the same test notices unless a line says otherwise. */
export function mutationsOf(file: string, test: string, lines: Line[]): Mutation[] {
  return lines.map(([guard, from, to, rest]) => ({ guard, file, from, to, test, ...rest }));
}

/**
 * Reads the mutated text of a file below `root`, and its line. How the formatter breaks lines does
 * not matter to where the text is found. Throws an Error with a sentence when the text is not there
 * exactly once, or the result is no TypeScript.
 */
export function mutate(
  root: string,
  { file, from, to }: Mutation,
): { original: string; mutated: string; line: number } {
  const original = readFileSync(path.join(root, file), 'utf8');
  const [found, another] = original.matchAll(patternOf(from));
  if (found === undefined) throw new Error('the text is not in the file');
  if (another !== undefined) throw new Error('the text is in the file more than once');
  if (from === to) throw new Error('nothing is changed');
  const before = original.slice(0, found.index);
  const mutated = `${before}${to}${original.slice(found.index + found[0].length)}`;
  if (file.endsWith('.ts')) stripTypeScriptTypes(mutated);
  return { original, mutated, line: before.split('\n').length };
}

/**
 * Finds a text with any white space between its words and signs, and with a comma more before a
 * bracket.
 */
function patternOf(text: string): RegExp {
  const parts = text.match(/[\w$]+|[^\w\s$]/g) ?? [];
  const escaped = parts.map((part) => part.replaceAll(/[.*+?^${}()|[\]\\/-]/g, String.raw`\$&`));
  const joined = escaped.reduce((pattern, part, index) => {
    const isWordAfterWord = /[\w$]$/.test(parts[index - 1] ?? '') && /^[\w$]/.test(part);
    const between = isWordAfterWord ? String.raw`\s+` : String.raw`\s*`;
    const comma = /[)\]}]/.test(part) && !/[([{,]$/.test(parts[index - 1] ?? '') ? ',?' : '';
    return `${pattern}${comma}${between}${part}`;
  });
  const [start, end] = [
    /^\s/.test(text) ? String.raw`\s*` : '',
    /\s$/.test(text) ? String.raw`\s*` : '',
  ];
  return new RegExp(`${start}${joined}${end}`, 'g');
}
