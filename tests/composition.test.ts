import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import {
  dependencyTypes,
  destructuredParameters,
  handedLiterals,
  parameters,
} from './support/composition.ts';
import type { Composition } from './support/composition.ts';

const root = path.join(import.meta.dirname, '..');

const sources = ['relay', 'worker', 'shared', 'deploy'].flatMap((folder) =>
  readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => path.join(folder, name))
    .map((file) => ({ file, text: readFileSync(path.join(root, file), 'utf8') })),
);

/** The most members of what is handed to a function, and the most things handed one by one. */
const [most, mostParameters] = [10, 6];

function tooLarge(compositions: Composition[], limit = most): string[] {
  return compositions
    .filter(({ members }) => members > limit)
    .map(({ at, name, members }) => `${at}: ${name} has ${members}`);
}

test('the measure sees members of every form, and those of the types that a type is made of', () => {
  const file = 'x.ts';
  const text = `
type Inner = { one: string; two(a: number, b: number): void };
type Other = { three: string; four: string; five?: { six: string } };
export type OuterDeps = Inner &
  Pick<Other, 'three'> &
  Omit<Other, 'three' | 'four'> & {
    /** Braces { in a comment. */
    seven: (call: { eight: string }) => void;
  };
function make({ a, b: c, d = { e: 1 }, ...rest }: OuterDeps): void {}
const made = createThing({ a, b: '{ c, d }', ...rest, e() { return { f, g }; } });
export async function* take<T extends string>(
  one: (a: number, b: Map<string, T>) => void,
  { two, three }: { two: 1; three: 2 },
  four = [1, 2],
): AsyncGenerator<T> {}
`;
  const source = [{ file, text }];
  expect(dependencyTypes(source)).toEqual([{ at: file, name: 'OuterDeps', members: 5 }]);
  expect(destructuredParameters(source)).toEqual([{ at: file, name: 'make', members: 4 }]);
  expect(handedLiterals(source)).toEqual([{ at: file, name: 'createThing', members: 4 }]);
  expect(parameters(source)).toEqual([
    { at: file, name: 'make', members: 1 },
    { at: file, name: 'take', members: 3 },
  ]);
});

test('no function takes more things one by one than a reader can hold', () => {
  const taking = parameters(sources);
  expect(taking.length).toBeGreaterThan(800);
  expect(tooLarge(taking, mostParameters)).toEqual([]);
});

test('nothing is handed more parts than a reader can hold', () => {
  expect(sources.length).toBeGreaterThan(250);
  const types = dependencyTypes(sources);
  const literals = handedLiterals(sources);
  expect(types.length).toBeGreaterThan(50);
  expect(literals.length).toBeGreaterThan(80);
  expect(tooLarge([...types, ...literals, ...destructuredParameters(sources)])).toEqual([]);
});
