import { expect, test } from 'vitest';
import { createModelPrices, noTokens } from '../../shared/runtime/model-prices.ts';

const million = 1_000_000;
const prices = createModelPrices();
const usd = (
  model: string,
  tokens: object,
  serving?: { isFast: boolean; isInUs: boolean },
): number => prices.cost(model, { ...noTokens, ...tokens }, serving) / 1e6;

test.each([
  ['claude-opus-5-5', 4, 20, 5, 8, 0.2],
  ['claude-sonnet-5-5', 2, 10, 2.5, 4, 0.1],
  ['claude-haiku-4-5', 1, 5, 1.25, 2, 0.1],
  ['claude-opus-4-1', 15, 75, 18.75, 30, 1.5],
])(
  'a million tokens of %s cost %d, %d, %d, %d and %d dollars by their kind',
  (model, input, output, write5m, write1h, read) => {
    expect(
      [
        { input: million },
        { output: million },
        { cacheWrite5m: million },
        { cacheWrite1h: million },
        { cacheRead: million },
      ].map((tokens) => usd(model, tokens)),
    ).toEqual([input, output, write5m, write1h, read]);
  },
);

test('a model is known by any of its names, and an unknown one costs as much as the dearest', () => {
  for (const name of [
    'claude-opus-4-5',
    'claude-opus-4-5-20251101',
    'Claude-Opus-4-5',
    'us.anthropic.claude-opus-4-5-20251101-v1:0',
    'claude-opus-4-5@20251101',
    'claude-opus-4-5[1m]',
    'anthropic/claude-opus-4-5',
  ]) {
    expect([name, prices.knows(name), usd(name, { output: million })]).toEqual([name, true, 25]);
  }
  for (const name of [
    'claude-opus-9',
    'claude-opus-5-9',
    'claude',
    '',
    'gpt',
    '__proto__',
    'constructor',
    'x'.repeat(100_000),
  ]) {
    expect([prices.knows(name), usd(name, { input: million, output: million })]).toEqual([
      false,
      90,
    ]);
  }
});

test('searches, fast mode, the United States and long prompts have prices of their own', () => {
  expect(usd('claude-opus-5-5', { webSearches: 3 })).toBe(0.03);
  expect(usd('claude-opus-5-5', { output: million }, { isFast: true, isInUs: false })).toBe(40);
  expect(
    usd('claude-opus-5-5', { output: million, webSearches: 1 }, { isFast: false, isInUs: true }),
  ).toBe(22.01);
  expect(usd('claude-haiku-5-5', { input: 100_000 })).toBe(0.01);
  expect(usd('claude-haiku-5-5', { input: 100_000, cacheRead: 1 })).toBe(0.050001);
});

test('nothing is free: a part of a millionth is one, and whole sums stay whole', () => {
  expect(prices.cost('claude-haiku-5-5', { ...noTokens, cacheRead: 1 })).toBe(1);
  expect(prices.cost('claude-opus-5-5', { ...noTokens, cacheRead: 15 })).toBe(3);
});

test('prices of one’s own come before the table, with its usual ratios for what they leave out', () => {
  const own = createModelPrices({
    'my-model': { input: 1, output: 2 },
    'claude-opus-5-5-20260901': {
      input: 1,
      output: 1,
      cache_read: 0.5,
      cache_write_5m: 3,
      cache_write_1h: 4,
    },
  });
  const costs = (model: string): number[] =>
    ['input', 'output', 'cacheRead', 'cacheWrite5m', 'cacheWrite1h'].map(
      (kind) => own.cost(model, { ...noTokens, [kind]: million }) / 1e6,
    );
  expect(costs('my-model')).toEqual([1, 2, 0.1, 1.25, 2]);
  expect(costs('claude-opus-5-5')).toEqual([1, 1, 0.5, 3, 4]);
});
