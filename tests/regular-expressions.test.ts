import { expect, test } from 'vitest';
import { attacksOn, readExpressions, takesOver, timeOf } from './support/expressions.ts';

/**
 * How often an attack repeats itself. The first numbers are small and near to each other, so that
 * what backtracks exponentially is seen before it would take for ever.
 */
const few = [8, 12, 16, 20, 24, 32, 48, 64, 128, 256];
const [some, many] = [1500, 12_000];
/** Under this (ms) a time says nothing. */
const tellingMs = 12;
/**
 * A quadratic expression takes longer than this (ms) for the smaller of the two large attacks: it
 * makes more than a million steps.
 */
const shortestMs = 0.35;

/**
 * A text may take three times as long as its eight parts together; a quadratic expression takes
 * eight times as long.
 */
const parts = many / some;
const mostGrowth = 3;

/** The least of three: what else the machine does only adds. */
const leastOf = (expression: RegExp, text: string, times = 1): number =>
  Math.min(...[1, 2, 3].map(() => timeOf(expression, text, times)));

/** An attack that takes more than a linear time, in words; undefined when none does. */
function findWeakness(expression: RegExp): string | undefined {
  for (const attack of attacksOn(expression)) {
    const explodes = (text: string): boolean =>
      takesOver(tellingMs, expression, text) && leastOf(expression, text) > tellingMs;
    const exploding = few.find((times) => explodes(attack(times)));
    if (exploding !== undefined) return `${JSON.stringify(attack(8))} ${exploding} times`;
    if (!takesOver(shortestMs, expression, attack(some))) continue;
    const grows = (): boolean => {
      const inParts = leastOf(expression, attack(some), parts);
      const whole = leastOf(expression, attack(many));
      return whole > tellingMs && whole > inParts * mostGrowth;
    };
    // What is slow by chance is not so five times.
    if ([1, 2, 3, 4, 5].every(grows))
      return `${JSON.stringify(attack(8))} ${some} and ${many} times`;
  }
  return undefined;
}

test('the search finds what backtracks', { tags: 'long' }, () => {
  expect(findWeakness(/^\s*(?:<!--.*?-->\s*)*<svg/s)).toBeDefined();
  expect(findWeakness(/[.\s]+$/)).toBeDefined();
  expect(findWeakness(/^(\s*)(.*?)(\s*)$/)).toBeDefined();
  expect(findWeakness(/(?<!\/)\/+$/)).toBeUndefined();
});

test('no regular expression of the product takes more than a linear time', () => {
  const expressions = readExpressions('worker', 'relay', 'shared');
  // The reader sees them.
  expect(expressions.length).toBeGreaterThan(150);
  const weak = expressions.flatMap(({ file, line, expression }) => {
    const weakness = findWeakness(expression);
    return weakness === undefined ? [] : [`${file}:${line} ${expression.source} by ${weakness}`];
  });
  expect(weak).toEqual([]);
});
