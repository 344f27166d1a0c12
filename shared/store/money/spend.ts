import { z } from 'zod';
import { keys } from '../redis/keys.ts';
import { callKey } from '../redis/idempotent.ts';
import type { Redis } from '../redis/redis.ts';
import { fieldsOf, runScript } from '../redis/script.ts';
import { loadScript } from '../redis/script-file.ts';

/**
 * Spend: dollars according to the price table, tokens (all input, and all output), and the number
 * of answers.
 */
export type Spent = { costUsd: number; inputTokens: number; outputTokens: number; answers: number };

/**
 * One answer's price. `answer` is its id; `day` is the person's day, `YYYY-MM-DD`. `isBooked` means
 * that its requests were already counted (`model-requests.ts`); then only the answer is counted,
 * not its price.
 */
export type SpendEntry = {
  conversation: string;
  answer: string;
  day: string;
  usage: { inputTokens: number; outputTokens: number; costUsd: number; isBooked?: boolean };
};

/** The model usage by price category. `requests` are the answered ones. */
export type ModelUse = {
  costUsd: number;
  requests: number;
  input: number;
  output: number;
  cacheWrite5m: number;
  cacheWrite1h: number;
  cacheRead: number;
  webSearches: number;
  /**
   * Requests whose full cost never became known, and their assumed cost beyond `costUsd`: only the
   * budgets count it.
   */
  unsettled: number;
  unsettledUsd: number;
};

/** A period's sums over all conversations: by answers, and by model requests. */
export type SpendTotal = { spent: Spent; use: ModelUse };

/**
 * Used parts of a turn's budget and of the person's day (US dollars), including unsettled requests,
 * what the person has granted on top of each, and the day's limit that the owner has set for them.
 */
export type BudgetUse = {
  turnUsd: number;
  turnGrantedUsd: number;
  dayUsd: number;
  dayGrantedUsd: number;
  limitUsd: number | undefined;
};

/** Each conversation's spend in a period. */
export type Spending = ReadonlyMap<string, Spent>;

/**
 * Claude's cost by day and by conversation, kept for 400 days. The model proxy adds each request;
 * answers are counted separately.
 */
export type Spend = {
  /** The amounts are those of a model that costs nothing, such as a scripted one. */
  readonly isPretend: boolean;
  /**
   * Adds an answer's price once, however often it is called. Needs no fence: a worker that was
   * declared dead has spent its money all the same. An answer without cost, such as one found in
   * the transcript, is not counted, so its id stays free for a later call with the price. Returns
   * whether it was added.
   */
  record(entry: SpendEntry): Promise<boolean>;
  /** Each conversation's spend on a day, and in the month of that day. */
  read(day: string): Promise<{ today: Spending; month: Spending }>;
  /** Dollars spent on a day, in total or by one conversation. */
  today(day: string, conversation?: string): Promise<number>;
  /** What each of these conversations has cost on a day or in a month (US dollars). */
  costs(time: string, conversations: readonly string[]): Promise<number[]>;
  /** The sums of `count` consecutive days (at least one), oldest first, ending with `last`. */
  days(last: string, count: number): Promise<({ day: string } & Spent)[]>;
  /** What all conversations took together in these days or months, in one command. */
  totals(times: readonly string[]): Promise<SpendTotal[]>;
  /**
   * Counts the totals of the days around a moment (ms since 1970), and of their months, anew: an
   * earlier version has not kept them.
   */
  recount(now: number): Promise<void>;
  /** Each conversation's model usage in a period: a day or a month. */
  use(time: string): Promise<ReadonlyMap<string, ModelUse>>;
  /** Each model's usage in a month, and that of each home's worker. */
  models(month: string): Promise<ReadonlyMap<string, ModelUse>>;
  homes(month: string): Promise<ReadonlyMap<string, ModelUse>>;
  /** A turn's usage over all of its attempts. */
  turn(turn: string): Promise<ModelUse>;
  budgetUse(turn: string, conversation: string, day: string): Promise<BudgetUse>;
  /** What a month has cost, unsettled requests included, and by how much its budget was raised. */
  month(month: string): Promise<{ usd: number; grantedUsd: number }>;
  /** Sets by how much a month's budget is raised (US dollars). */
  grantMonth(month: string, usd: number): Promise<void>;
  /** Raises a turn's budget (US dollars). */
  grantTurn(turn: string, usd: number): Promise<void>;
};

/** How long a month's budget is known (seconds), as its spend. */
const keptSeconds = 400 * 24 * 3600;

const recordScript = loadScript(new URL('lua/spend.lua', import.meta.url), {
  keys: ['answer'],
  args: ['price'],
});

/** An entry encoded for the scripts; undefined if it is not counted. */
export function priceOf({ conversation, answer, day, usage }: SpendEntry): string | undefined {
  const micros = Math.round(usage.costUsd * 1e6);
  const sums = [keys.spend(day), keys.spend(monthOf(day))];
  if (usage.isBooked)
    return JSON.stringify({
      answer: keys.spendAnswer(answer),
      sums,
      conversation,
      amounts: { answers: '1' },
    });
  if (micros === 0 && usage.inputTokens === 0 && usage.outputTokens === 0) return undefined;
  const amounts = {
    usd: `${micros}`,
    in: `${usage.inputTokens}`,
    out: `${usage.outputTokens}`,
    answers: '1',
  };
  return JSON.stringify({ answer: keys.spendAnswer(answer), sums, conversation, amounts });
}

const readScript = loadScript(new URL('lua/spend-read.lua', import.meta.url), {
  keys: ['first'],
  rest: 'others',
});

const totalsScript = loadScript(new URL('lua/spend-totals.lua', import.meta.url), {
  keys: ['first'],
  rest: 'others',
});

const recountScript = loadScript(new URL('lua/spend-recount.lua', import.meta.url), {
  keys: ['first'],
  rest: 'others',
});

const grantScript = loadScript(new URL('lua/grant.lua', import.meta.url), {
  keys: ['turnSums', 'call'],
  args: ['micros'],
});

const budgetUseScript = loadScript(new URL('lua/budget-use.lua', import.meta.url), {
  keys: ['turnSums', 'daySums', 'conversationKey'],
  args: ['conversation'],
});

const Micros = z.string().transform((value) => (value === '' ? undefined : Number(value) / 1e6));
const BudgetSums = z.tuple([Micros, Micros, Micros, Micros, z.string()]);

const Hashes = z.array(z.array(z.string()));

/**
 * The hash's fields, each followed by the conversation: millionths of a dollar (whole numbers),
 * tokens in and out, and answers.
 */
const fields = {
  usd: 'costUsd',
  in: 'inputTokens',
  out: 'outputTokens',
  answers: 'answers',
} as const;

export function createSpend(redis: Redis, { isPretend = false } = {}): Spend {
  const readHashes = async ([first = '', ...rest]: string[]): Promise<Map<string, Spent>[]> =>
    Hashes.parse(await runScript(redis, readScript, { keys: { first }, rest })).map(parseHash);
  const totals = async (times: readonly string[]): Promise<SpendTotal[]> => {
    const [first = '', ...rest] = times.map((time) => keys.spend(time));
    const found = await runScript(redis, totalsScript, { keys: { first }, rest });
    return Hashes.parse(found).map((flat) => {
      const sums = fieldsOf(flat);
      const hash = Object.entries(sums).flatMap(([field, value]) => [`${field}:`, value]);
      return { spent: parseHash(hash).get('') ?? { ...nothing }, use: parseUse(sums) };
    });
  };
  const costs: Spend['costs'] = async (time, conversations) => {
    if (conversations.length === 0) return [];
    const names = conversations.map((conversation) => `usd:${conversation}`);
    const found = await redis.hmget(keys.spend(time), ...names);
    return found.map((micros) => Number(micros ?? 0) / 1e6);
  };
  return {
    isPretend,
    costs,
    async record(entry) {
      const price = priceOf(entry);
      if (price === undefined) return false;
      const answer = keys.spendAnswer(entry.answer);
      return (await runScript(redis, recordScript, { keys: { answer }, args: { price } })) === 1;
    },
    async read(day) {
      const [today = new Map(), month = new Map()] = await readHashes([
        keys.spend(day),
        keys.spend(monthOf(day)),
      ]);
      return { today, month };
    },
    async today(day, conversation) {
      if (conversation !== undefined) return (await costs(day, [conversation]))[0] ?? 0;
      const [sum] = await totals([day]);
      return sum?.spent.costUsd ?? 0;
    },
    totals,
    async recount(now) {
      // Somewhere it is the day before, or the day after.
      const days = [-1, 0, 1].map((count) => addDays(dayOf(now), count));
      const [first = '', ...rest] = [...new Set([...days, ...days.map(monthOf)])].map(keys.spend);
      await runScript(redis, recountScript, { keys: { first }, rest });
    },
    async days(last, count) {
      const days = Array.from({ length: count }, (_, index) => addDays(last, index - count + 1));
      const sums = await totals(days);
      return days.map((day, index) => ({ day, ...(sums[index]?.spent ?? nothing) }));
    },
    use: async (time) => useByName(await redis.hgetall(keys.spend(time))),
    models: async (month) => useByName(await redis.hgetall(keys.spendModels(month))),
    homes: async (month) => useByName(await redis.hgetall(keys.spendHomes(month))),
    turn: async (turn) => parseUse(await redis.hgetall(keys.spendTurn(turn))),
    async budgetUse(turn, conversation, day) {
      const values = await runScript(redis, budgetUseScript, {
        keys: {
          turnSums: keys.spendTurn(turn),
          daySums: keys.spend(day),
          conversationKey: keys.conversation(conversation),
        },
        args: { conversation },
      });
      const [turnUsd = 0, turnGrantedUsd = 0, dayUsd = 0, limitUsd, granted] =
        BudgetSums.parse(values);
      const [grantedOn, amount] = granted.split(' ');
      const dayGrantedUsd = grantedOn === day ? Number(amount) : 0;
      return { turnUsd, turnGrantedUsd, dayUsd, dayGrantedUsd, limitUsd };
    },
    async month(month) {
      const [[sum], granted] = await Promise.all([
        totals([month]),
        redis.hget(keys.meter(month), 'granted'),
      ]);
      const { costUsd, unsettledUsd } = sum?.use ?? parseUse({});
      return { usd: costUsd + unsettledUsd, grantedUsd: Number(granted ?? 0) / 1e6 };
    },
    async grantMonth(month, usd) {
      const key = keys.meter(month);
      await redis
        .multi()
        .hset(key, 'granted', Math.round(usd * 1e6))
        .expire(key, keptSeconds)
        .exec();
    },
    async grantTurn(turn, usd) {
      await runScript(redis, grantScript, {
        keys: { turnSums: keys.spendTurn(turn), call: callKey() },
        args: { micros: Math.round(usd * 1e6) },
      });
    },
  };
}

function parseHash(flat: string[]): Map<string, Spent> {
  const spending = new Map<string, Spent>();
  for (let index = 0; index + 1 < flat.length; index += 2) {
    const [field = '', conversation = ''] = (flat[index] ?? '').split(':');
    const name = Object.entries(fields).find(([known]) => known === field)?.[1];
    if (!name) continue;
    const spent = spending.get(conversation) ?? { ...nothing };
    spent[name] = Number(flat[index + 1]) / (name === 'costUsd' ? 1e6 : 1);
    spending.set(conversation, spent);
  }
  return spending;
}

/** Parses a hash whose fields end in a colon and a name, which may have colons, by these names. */
function useByName(hash: Record<string, string>): Map<string, ModelUse> {
  const byName = new Map<string, Record<string, string>>();
  for (const [key, value] of Object.entries(hash)) {
    const [, field = '', name = ''] = /^([^:]*):?(.*)$/s.exec(key) ?? [];
    byName.set(name, { ...byName.get(name), [field]: value });
  }
  return new Map([...byName].map(([name, fields]) => [name, parseUse(fields)]));
}

/** Parses a turn's hash, or one conversation's fields of a day. */
export function parseUse(fields: Record<string, string>): ModelUse {
  const get = (name: string): number => Number(fields[name] ?? 0);
  return {
    costUsd: get('usd') / 1e6,
    requests: get('requests'),
    input: get('fresh'),
    output: get('out'),
    cacheWrite5m: get('write5m'),
    cacheWrite1h: get('write1h'),
    cacheRead: get('cached'),
    webSearches: get('searches'),
    unsettled: get('unsettled'),
    unsettledUsd: get('held') / 1e6,
  };
}

const nothing: Readonly<Spent> = { costUsd: 0, inputTokens: 0, outputTokens: 0, answers: 0 };

/** The sum over all conversations. */
export function total(spending: Spending): Spent {
  const sum = { ...nothing };
  for (const spent of spending.values()) {
    sum.costUsd += spent.costUsd;
    sum.inputTokens += spent.inputTokens;
    sum.outputTokens += spent.outputTokens;
    sum.answers += spent.answers;
  }
  // Sums of fractions of a dollar are inexact; sums of millionths are exact.
  return { ...sum, costUsd: Math.round(sum.costUsd * 1e6) / 1e6 };
}

/** The sum over all conversations. */
export function totalUse(use: ReadonlyMap<string, ModelUse>): ModelUse {
  const sum = parseUse({});
  const names = Object.keys(sum) as (keyof ModelUse)[];
  for (const one of use.values()) for (const name of names) sum[name] += one[name];
  return sum;
}

/**
 * The day, `YYYY-MM-DD`, in a person's calendar at a moment (ms since 1970). Without a time zone
 * (IANA name) it is the day in UTC.
 */
export function dayOf(ms: number, timezone = 'UTC'): string {
  // A formatter takes several milliseconds to create, and every answer needs one.
  if (timezone === 'UTC') return new Date(ms).toISOString().slice(0, 10);
  const parts = new Intl.DateTimeFormat('en-GB', {
    timeZone: timezone,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
  }).formatToParts(ms);
  const part = (type: string): string => parts.find((part) => part.type === type)?.value ?? '';
  return `${part('year')}-${part('month')}-${part('day')}`;
}

/** The month of a day, `YYYY-MM`. */
export function monthOf(day: string): string {
  return day.slice(0, 7);
}

function addDays(day: string, count: number): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + count * 24 * 3600_000)
    .toISOString()
    .slice(0, 10);
}
