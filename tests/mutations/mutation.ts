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
  /** Why no test can notice the change. Only for a survivor: a mutation with a reason that is killed is an error of the list. */
  why?: string;
};

/** A line of the list: the guard, the text replaced, its replacement, and what differs from the other lines of the group. */
type Line = [guard: string, from: string, to: string, rest?: Partial<Pick<Mutation, 'test' | 'named' | 'why'>>];

/** The mutations of one file, which the same test notices unless a line says otherwise. */
export function mutationsOf(file: string, test: string, lines: Line[]): Mutation[] {
  return lines.map(([guard, from, to, rest]) => ({ guard, file, from, to, test, ...rest }));
}

/** Reads the mutated text of a file below `root`, and its line. Throws an Error with a sentence when the text is not there exactly once, or the result is no TypeScript. */
export function mutate(root: string, { file, from, to }: Mutation): { original: string; mutated: string; line: number } {
  const original = readFileSync(path.join(root, file), 'utf8');
  const start = original.indexOf(from);
  if (start === -1) throw new Error('the text is not in the file');
  if (original.includes(from, start + 1)) throw new Error('the text is in the file more than once');
  if (from === to) throw new Error('nothing is changed');
  const mutated = `${original.slice(0, start)}${to}${original.slice(start + from.length)}`;
  if (file.endsWith('.ts')) stripTypeScriptTypes(mutated);
  return { original, mutated, line: original.slice(0, start).split('\n').length };
}
