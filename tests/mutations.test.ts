import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { mutations } from './mutations/list/list.ts';
import { mutate } from './mutations/mutation.ts';
import { WrongUsage } from '../shared/runtime/command-line.ts';
import { choose, parseMutationOptions } from './mutations/options.ts';
import { withRedis } from './support/redis.ts';

const root = path.join(import.meta.dirname, '..');

/** The title of a test that `npm test` leaves out: a guard of the list is held by another one. */
const longTitle = /(['"`])(?:(?!\1).)*\1,\s*\{[^{}]*tags: 'long'/g;

test('each line of the list of mutations fits the code: its text is there once, the result is TypeScript, and its test is there by its name and not a long one', () => {
  const wrong = mutations.flatMap((mutation) => {
    try {
      mutate(root, mutation);
      const test = readFileSync(path.join(root, mutation.test), 'utf8').replaceAll(longTitle, '');
      return new RegExp(mutation.named ?? '').test(test)
        ? []
        : [`${mutation.file}, ${mutation.guard}: no test “${mutation.named}” in ${mutation.test}`];
    } catch (error) {
      return [`${mutation.file}, ${mutation.guard}: ${String(error)}`];
    }
  });
  expect(wrong).toEqual([]);
});

test('each line for a Redis script leaves a script', async () => {
  const scripts = mutations.filter(({ file }) => file.endsWith('.lua'));
  expect(scripts.length).toBeGreaterThan(50);
  await withRedis(async (redis) => {
    const compile = `local script, why = loadstring(ARGV[1]); return why or ''`;
    const said = await Promise.all(
      scripts.map((mutation) => redis.eval(compile, 0, mutate(root, mutation).mutated)),
    );
    const wrong = scripts.flatMap(({ file, guard }, index) =>
      said[index] === '' ? [] : [`${file}, ${guard}: ${String(said[index])}`],
    );
    expect(wrong).toEqual([]);
  });
});

test('the list has at least a hundred mutations, no two alike, of relay, worker and what they share', () => {
  expect(mutations.length).toBeGreaterThanOrEqual(100);
  expect(
    new Set(mutations.map(({ file, from, to }) => JSON.stringify([file, from, to]))).size,
  ).toBe(mutations.length);
  expect(new Set(mutations.map(({ file, guard }) => JSON.stringify([file, guard]))).size).toBe(
    mutations.length,
  );
  expect(new Set(mutations.map(({ file }) => file.split('/')[0]))).toEqual(
    new Set(['relay', 'worker', 'shared']),
  );
});

test('some of the mutations are chosen by a text or by their numbers', () => {
  const list = ['a', 'b', 'c'].map((guard) => ({
    guard,
    file: 'shared/x.ts',
    from: 'x',
    to: 'y',
    test: `tests/${guard}.test.ts`,
  }));
  const numbers = (only?: string): number[] => choose(list, only).map(({ number }) => number);
  expect([numbers(), numbers('2'), numbers('2-3'), numbers('tests/c'), numbers('shared')]).toEqual([
    [1, 2, 3],
    [2],
    [2, 3],
    [3],
    [1, 2, 3],
  ]);
  expect(() => numbers('nothing')).toThrow(WrongUsage);
  expect(() => parseMutationOptions(['--onyl', 'x'])).toThrow(WrongUsage);
  expect(parseMutationOptions(['--only', 'x', '--list'])).toEqual({
    only: 'x',
    isList: true,
    isVerbose: false,
  });
});
