import { z } from 'zod';

/** Tokens of one or many requests by price category, and web searches. All are whole numbers. */
export type ModelTokens = {
  /** Input that is not cached. */
  input: number;
  output: number;
  /** Written to the cache for five minutes, and for an hour. */
  cacheWrite5m: number;
  cacheWrite1h: number;
  /** Read from the cache. */
  cacheRead: number;
  webSearches: number;
};

export const noTokens: Readonly<ModelTokens> = {
  input: 0,
  output: 0,
  cacheWrite5m: 0,
  cacheWrite1h: 0,
  cacheRead: 0,
  webSearches: 0,
};

/** US dollars per million tokens. */
export type ModelPrice = Record<
  'input' | 'output' | 'cacheWrite5m' | 'cacheWrite1h' | 'cacheRead',
  number
>;

/**
 * How a request was served, according to the answer's usage: in fast mode, and restricted to the
 * United States.
 */
export type Serving = { isFast: boolean; isInUs: boolean };

/**
 * A cache write costs 1.25 times the input for five minutes, and 2 times for an hour, in every row
 * of the list.
 */
function price(input: number, output: number, cacheRead: number = input / 10): ModelPrice {
  return { input, output, cacheWrite5m: input * 1.25, cacheWrite1h: input * 2, cacheRead };
}

type Row = {
  usual: ModelPrice;
  fast?: ModelPrice;
  /** The price of prompts over this many tokens, if it differs. */
  long?: { above: number; price: ModelPrice };
};

/**
 * Anthropic's list prices on 2026-11-29, from the catalogue of models in Claude Code 2.1.330.
 */
const table: Readonly<Record<string, Row>> = {
  'claude-3-5-haiku': { usual: price(0.8, 4) },
  'claude-haiku-4-5': { usual: price(1, 5) },
  'claude-haiku-5-5': { usual: price(0.1, 0.5), long: { above: 100_000, price: price(0.5, 2.5) } },
  'claude-3-5-sonnet': { usual: price(3, 15) },
  'claude-3-7-sonnet': { usual: price(3, 15) },
  'claude-sonnet-4': { usual: price(3, 15) },
  'claude-sonnet-4-0': { usual: price(3, 15) },
  'claude-sonnet-4-5': { usual: price(3, 15) },
  'claude-sonnet-4-6': { usual: price(3, 15) },
  'claude-sonnet-5': { usual: price(2, 10) },
  'claude-sonnet-5-5': { usual: price(2, 10, 0.1) },
  'claude-opus-4': { usual: price(15, 75) },
  'claude-opus-4-0': { usual: price(15, 75) },
  'claude-opus-4-1': { usual: price(15, 75) },
  'claude-opus-4-5': { usual: price(5, 25) },
  'claude-opus-4-6': { usual: price(5, 25), fast: price(30, 150) },
  'claude-opus-4-7': { usual: price(5, 25), fast: price(30, 150) },
  'claude-opus-4-8': { usual: price(5, 25), fast: price(10, 50) },
  'claude-opus-5': { usual: price(5, 25), fast: price(10, 50) },
  'claude-opus-5-5': { usual: price(4, 20, 0.2), fast: price(8, 40, 0.4) },
  'claude-fable-5': { usual: price(10, 50) },
  'claude-fable-5-1': { usual: price(10, 50, 0.25) },
  'claude-fable-5-2': { usual: price(8, 40, 0.2), fast: price(16, 80, 0.4) },
  'claude-mythos-5': { usual: price(10, 50) },
  'claude-mythos-5-1': { usual: price(10, 50, 0.25) },
  'claude-mythos-5-2': { usual: price(8, 40, 0.2), fast: price(16, 80, 0.4) },
};

/**
 * Dollars for one web search, and the price factor for a request restricted to the United States.
 */
const webSearchUsd = 0.01;
const inUsFactor = 1.1;

/** Custom prices by model id, from the variable MODEL_PRICES; they override the table. */
export const OwnPrices = z.record(
  z.string().min(1),
  z.strictObject({
    input: z.number().nonnegative(),
    output: z.number().nonnegative(),
    cache_write_5m: z.number().nonnegative().optional(),
    cache_write_1h: z.number().nonnegative().optional(),
    cache_read: z.number().nonnegative().optional(),
  }),
);
export type OwnPrices = z.infer<typeof OwnPrices>;

/** What models cost. */
export type ModelPrices = {
  /**
   * Whether the model has a known price; an unknown model costs as much as the most expensive one.
   */
  knows(model: string): boolean;
  /** The ids of the models with a known price, newest first within a family. */
  names(): string[];
  /** The cost of a request in millionths of a dollar, rounded up. */
  cost(model: string, tokens: ModelTokens, serving?: Serving): number;
};

export function createModelPrices(own: OwnPrices = {}): ModelPrices {
  const rows = new Map(Object.entries(table));
  for (const [model, row] of Object.entries(own)) {
    const {
      input,
      output,
      cache_write_5m: write5m,
      cache_write_1h: write1h,
      cache_read: read,
    } = row;
    const usual = price(input, output, read);
    rows.set(idOf(model), {
      usual: {
        ...usual,
        cacheWrite5m: write5m ?? usual.cacheWrite5m,
        cacheWrite1h: write1h ?? usual.cacheWrite1h,
      },
    });
  }
  const known = [...rows.values()].map(({ usual }) => usual);
  const highest = (kind: keyof ModelPrice): number => Math.max(...known.map((row) => row[kind]));
  const dearest: Row = {
    usual: {
      input: highest('input'),
      output: highest('output'),
      cacheRead: highest('cacheRead'),
      cacheWrite5m: highest('cacheWrite5m'),
      cacheWrite1h: highest('cacheWrite1h'),
    },
  };
  return {
    knows: (model) => rows.has(idOf(model)),
    names: () => [...rows.keys()].toReversed(),
    cost(model, tokens, { isFast, isInUs } = { isFast: false, isInUs: false }) {
      const row = rows.get(idOf(model)) ?? dearest;
      const read = tokens.input + tokens.cacheRead + tokens.cacheWrite5m + tokens.cacheWrite1h;
      const usual = row.long && read > row.long.above ? row.long.price : row.usual;
      const rate = isFast ? (row.fast ?? usual) : usual;
      const micros =
        tokens.input * rate.input +
        tokens.output * rate.output +
        tokens.cacheRead * rate.cacheRead +
        tokens.cacheWrite5m * rate.cacheWrite5m +
        tokens.cacheWrite1h * rate.cacheWrite1h;
      // Floating-point sums may be slightly above the whole numbers that they stand for.
      return Math.ceil(
        micros * (isInUs ? inUsFactor : 1) + tokens.webSearches * webSearchUsd * 1e6 - 1e-6,
      );
    },
  };
}

/**
 * The id of a model without its release, provider and context:
 * `us.anthropic.claude-opus-4-5-20251101-v1:0` becomes `claude-opus-4-5`.
 */
function idOf(model: string): string {
  return model
    .slice(0, 200)
    .toLowerCase()
    .replace(/^(?:[a-z]{2,6}\.)?anthropic[./]/, '')
    .replace(/\[1m\]$/, '')
    .replace(/@\w+$/, '')
    .replace(/-v\d+(?::\d+)?$/, '')
    .replace(/-(?:\d{8}|latest)$/, '');
}
