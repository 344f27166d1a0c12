import { z } from 'zod';
import { keys } from './keys.ts';
import type { Redis } from './redis.ts';
import { runScript } from './script.ts';
import type { Script } from './script.ts';

/** What was spent: dollars by Claude Code's own estimate, tokens, and for how many answers. */
export type Spent = { costUsd: number; inputTokens: number; outputTokens: number; answers: number };

/** One answer's price. `answer` is its id; `day` is the person's day, `YYYY-MM-DD`. */
export type SpendEntry = { conversation: string; answer: string; day: string; usage: { inputTokens: number; outputTokens: number; costUsd: number } };

/** What each conversation has spent in a time. */
export type Spending = ReadonlyMap<string, Spent>;

/**
 * What Claude has cost, by day and by conversation, kept for 400 days. It counts answers: what a turn used before it failed or was stopped is not in it, nor what
 * Claude Code did of itself after an answer, as when a background command ended.
 */
export type Spend = {
  /**
   * Adds an answer's price once, however often it is told. It needs no fence: a worker that was taken for dead has spent its money all the same. An answer that
   * cost nothing, as one that was found in the transcript, is not counted and leaves its id free for whoever knows the price. Returns whether it was added.
   */
  record(entry: SpendEntry): Promise<boolean>;
  /** What each conversation has spent on a day, and in the month of that day. */
  read(day: string): Promise<{ today: Spending; month: Spending }>;
  /** Dollars spent on a day, by everybody or by one conversation. */
  today(day: string, conversation?: string): Promise<number>;
  /** The sums of `count` days in a row (at least one), oldest first, ending with `last`. */
  days(last: string, count: number): Promise<({ day: string } & Spent)[]>;
};

/** How long the sums are kept, and the ids of counted answers: as long as a reply is remembered (seconds). */
const sumLifetime = 400 * 24 * 3600;
const answerLifetime = 30 * 24 * 3600;

/** Lua that adds a price, as `priceOf` writes it, once. Returns 1 when it was added. */
export const recordLua = `
  local function record(text)
    local price = cjson.decode(text)
    if not redis.call('SET', price.answer, price.conversation, 'NX', 'EX', ${answerLifetime}) then return 0 end
    for _, sums in ipairs(price.sums) do
      for field, amount in pairs(price.amounts) do redis.call('HINCRBY', sums, field .. ':' .. price.conversation, amount) end
      redis.call('EXPIRE', sums, ${sumLifetime})
    end
    return 1
  end`;

const recordScript: Script = {
  name: 'sidepocketSpend',
  keys: 1,
  // KEYS: answer. ARGV: price.
  lua: `${recordLua}
    return record(ARGV[1])`,
};

/** An entry as the scripts take it; undefined for one that is not counted. */
export function priceOf({ conversation, answer, day, usage }: SpendEntry): string | undefined {
  const micros = Math.round(usage.costUsd * 1e6);
  if (micros === 0 && usage.inputTokens === 0 && usage.outputTokens === 0) return undefined;
  const amounts = { usd: `${micros}`, in: `${usage.inputTokens}`, out: `${usage.outputTokens}`, answers: '1' };
  return JSON.stringify({ answer: keys.spendAnswer(answer), sums: [keys.spend(day), keys.spend(day.slice(0, 7))], conversation, amounts });
}

/** Reads several hashes in one trip. */
const readScript: Script = {
  name: 'sidepocketSpendRead',
  keys: 1,
  // KEYS: the first hash. ARGV: the others.
  lua: `
    local all = { redis.call('HGETALL', KEYS[1]) }
    for i, key in ipairs(ARGV) do all[i + 1] = redis.call('HGETALL', key) end
    return all`,
};

const Hashes = z.array(z.array(z.string()));

/** The hash's fields, each followed by the conversation: millionths of a dollar, which are whole numbers, tokens in and out, and answers. */
const fields = { usd: 'costUsd', in: 'inputTokens', out: 'outputTokens', answers: 'answers' } as const;

export function createSpend(redis: Redis): Spend {
  const readHashes = async (names: string[]): Promise<Map<string, Spent>[]> => Hashes.parse(await runScript(redis, readScript, names)).map(parseHash);
  return {
    async record(entry) {
      const price = priceOf(entry);
      return price !== undefined && (await runScript(redis, recordScript, [keys.spendAnswer(entry.answer), price])) === 1;
    },
    async read(day) {
      const [today = new Map(), month = new Map()] = await readHashes([keys.spend(day), keys.spend(day.slice(0, 7))]);
      return { today, month };
    },
    async today(day, conversation) {
      const [spending = new Map<string, Spent>()] = await readHashes([keys.spend(day)]);
      return conversation === undefined ? total(spending).costUsd : (spending.get(conversation)?.costUsd ?? 0);
    },
    async days(last, count) {
      const days = Array.from({ length: count }, (_, index) => addDays(last, index - count + 1));
      const hashes = await readHashes(days.map((day) => keys.spend(day)));
      return days.map((day, index) => ({ day, ...total(hashes[index] ?? new Map()) }));
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
  // Fractions of a dollar do not add up exactly; millionths do.
  return { ...sum, costUsd: Math.round(sum.costUsd * 1e6) / 1e6 };
}

/** The day, `YYYY-MM-DD`, that a person's calendar shows at a moment (ms since 1970). Without their time zone (IANA name) it is the day in UTC. */
export function dayOf(ms: number, timezone = 'UTC'): string {
  // A format takes several milliseconds to make, on the way of every answer.
  if (timezone === 'UTC') return new Date(ms).toISOString().slice(0, 10);
  const parts = new Intl.DateTimeFormat('en-GB', { timeZone: timezone, year: 'numeric', month: '2-digit', day: '2-digit' }).formatToParts(ms);
  const part = (type: string): string => parts.find((part) => part.type === type)?.value ?? '';
  return `${part('year')}-${part('month')}-${part('day')}`;
}

function addDays(day: string, count: number): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + count * 24 * 3600_000).toISOString().slice(0, 10);
}
