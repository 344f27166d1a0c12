import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { dependencyTypes, destructuredParameters, handedLiterals } from './support/composition.ts';
import type { Composition } from './support/composition.ts';

const root = path.join(import.meta.dirname, '..');

const sources = ['relay', 'worker', 'shared', 'deploy'].flatMap((folder) =>
  readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => path.join(folder, name))
    .map((file) => ({ file, text: readFileSync(path.join(root, file), 'utf8') })),
);

/** The most members of what is handed to a function. */
const most = 10;

/** What has more, and how many it may have: the numbers only ever go down. */
const larger: Record<string, number> = {
  TurnParts: 45,
  WorkParts: 38,
  DispatchDeps: 16,
  WorkerParts: 16,
  CommandParts: 14,
  ChatToolParts: 13,
  SessionParts: 11,
  LeaseParts: 11,
  createLease: 11,
  createTurnProcessor: 35,
  createClaudeAgent: 18,
  createChatTools: 13,
};

function tooLarge(compositions: Composition[]): string[] {
  return compositions
    .filter(({ name, members }) => members > (larger[name] ?? most))
    .map(({ at, name, members }) => `${at}: ${name} has ${members}`);
}

test('the measure sees members of every form, and those of the types that a type is made of', () => {
  const file = 'x.ts';
  const text = `
type Inner = { one: string; two(a: number, b: number): void };
type Other = { three: string; four: string; five?: { six: string } };
export type OuterParts = Inner &
  Pick<Other, 'three'> &
  Omit<Other, 'three' | 'four'> & {
    /** Braces { in a comment. */
    seven: (call: { eight: string }) => void;
  };
function make({ a, b: c, d = { e: 1 }, ...rest }: OuterParts): void {}
const made = createThing({ a, b: '{ c, d }', ...rest, e() { return { f, g }; } });
`;
  const source = [{ file, text }];
  expect(dependencyTypes(source)).toEqual([{ at: file, name: 'OuterParts', members: 5 }]);
  expect(destructuredParameters(source)).toEqual([{ at: file, name: 'make', members: 4 }]);
  expect(handedLiterals(source)).toEqual([{ at: file, name: 'createThing', members: 4 }]);
});

test('nothing is handed more parts than a reader can hold', () => {
  expect(sources.length).toBeGreaterThan(250);
  const types = dependencyTypes(sources);
  const literals = handedLiterals(sources);
  expect(types.length).toBeGreaterThan(50);
  expect(literals.length).toBeGreaterThan(80);
  expect(tooLarge([...types, ...literals, ...destructuredParameters(sources)])).toEqual([]);
});
