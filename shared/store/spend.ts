import { z } from 'zod';
import { keys } from './redis/keys.ts';
import { callKey, onceLua } from './redis/once.ts';
import type { Redis } from './redis/redis.ts';
import { defineScript, runScript } from './redis/script.ts';

/**
 * What was spent: dollars by the table of prices, tokens (all that were read, and all that were
 * written), and for how many answers.
 */
export type Spent = { costUsd: number; inputTokens: number; outputTokens: number; answers: number };

/**
 * One answer's price. `answer` is its id; `day` is the person's day, `YYYY-MM-DD`. What is booked
 * was counted request by request (`model-requests.ts`); then the answer itself is counted and its
 * price is not.
 */
export type SpendEntry = {
  conversation: string;
  answer: string;
  day: string;
  usage: { inputTokens: number; outputTokens: number; costUsd: number; isBooked?: boolean };
};

/**
 * What the model's requests have used, by the kinds of tokens that are priced apart. `requests` are
 * those that were answered.
 */
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
   * Requests of which the whole cost never became known, and what they are taken to have cost
   * beyond what is in `costUsd`: only the budgets count it.
   */
  unsettled: number;
  unsettledUsd: number;
};

/**
 * Where a turn and a person's day stand with their budgets (US dollars); unsettled requests are
 * included.
 */
export type Gauges = { turnUsd: number; turnGrantedUsd: number; dayUsd: number };

/** What each conversation has spent in a time. */
export type Spending = ReadonlyMap<string, Spent>;

/**
 * What Claude has cost, by day and by conversation, kept for 400 days. The model proxy adds to it
 * with each request; answers are counted beside it.
 */
export type Spend = {
  /**
   * Adds an answer's price once, however often it is told. It needs no fence: a worker that was
   * taken for dead has spent its money all the same. An answer that cost nothing, as one that was
   * found in the transcript, is not counted and leaves its id free for whoever knows the price.
   * Returns whether it was added.
   */
  record(entry: SpendEntry): Promise<boolean>;
  /** What each conversation has spent on a day, and in the month of that day. */
  read(day: string): Promise<{ today: Spending; month: Spending }>;
  /** Dollars spent on a day, by everybody or by one conversation. */
  today(day: string, conversation?: string): Promise<number>;
  /** The sums of `count` days in a row (at least one), oldest first, ending with `last`. */
  days(last: string, count: number): Promise<({ day: string } & Spent)[]>;
  /** What each conversation's requests to the model have used in a time: a day or a month. */
  use(time: string): Promise<ReadonlyMap<string, ModelUse>>;
  /** What a turn has used, all of its attempts together. */
  turn(turn: string): Promise<ModelUse>;
  standing(turn: string, conversation: string, day: string): Promise<Gauges>;
  /** Raises a turn's budget (US dollars). */
  grantTurn(turn: string, usd: number): Promise<void>;
};

/**
 * How long the sums are kept, and the ids of counted answers: as long as a reply is remembered
 * (seconds).
 */
export const sumLifetime = 400 * 24 * 3600;
const answerLifetime = 30 * 24 * 3600;
/** How long a turn's sums are kept (seconds). */
export const turnLifetime = 30 * 24 * 3600;

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

const recordScript = defineScript({
  name: 'sidepocketSpend',
  keys: ['answer'],
  args: ['price'],
  lua: `-- derives spend:*
    ${recordLua}
    return record(price)`,
});

/** An entry as the scripts take it; undefined for one that is not counted. */
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

/** Reads several hashes in one trip. */
const readScript = defineScript({
  name: 'sidepocketSpendRead',
  keys: ['first'],
  rest: 'others',
  lua: `
    -- derives spend:*
    local all = { redis.call('HGETALL', first) }
    for i, key in ipairs(others) do all[i + 1] = redis.call('HGETALL', key) end
    return all`,
});

const grantScript = defineScript({
  name: 'sidepocketGrant',
  keys: ['turnSums', 'call'],
  args: ['micros', 'lifetimeSeconds'],
  lua: `${onceLua}
    return once(call, function()
      redis.call('HINCRBY', turnSums, 'granted', micros)
      return redis.call('EXPIRE', turnSums, lifetimeSeconds)
    end)`,
});

const standingScript = defineScript({
  name: 'sidepocketStanding',
  keys: ['turnSums', 'daySums'],
  args: ['conversation'],
  // Returns as text, since Redis cuts what Lua calls a number.
  lua: `
    local function sum(key, ...)
      local all = 0
      for _, field in ipairs({ ... }) do all = all + tonumber(redis.call('HGET', key, field) or 0) end
      return string.format('%.0f', all)
    end
    local day = sum(daySums, 'usd:' .. conversation, 'held:' .. conversation)
    return { sum(turnSums, 'usd', 'held'), sum(turnSums, 'granted'), day }`,
});

const Micros = z.array(z.string().transform((value) => Number(value) / 1e6));

const Hashes = z.array(z.array(z.string()));

/**
 * The hash's fields, each followed by the conversation: millionths of a dollar, which are whole
 * numbers, tokens in and out, and answers.
 */
const fields = {
  usd: 'costUsd',
  in: 'inputTokens',
  out: 'outputTokens',
  answers: 'answers',
} as const;

export function createSpend(redis: Redis): Spend {
  const readHashes = async ([first = '', ...rest]: string[]): Promise<Map<string, Spent>[]> =>
    Hashes.parse(await runScript(redis, readScript, { keys: { first }, rest })).map(parseHash);
  return {
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
      const [spending = new Map<string, Spent>()] = await readHashes([keys.spend(day)]);
      return conversation === undefined
        ? total(spending).costUsd
        : (spending.get(conversation)?.costUsd ?? 0);
    },
    async days(last, count) {
      const days = Array.from({ length: count }, (_, index) => addDays(last, index - count + 1));
      const hashes = await readHashes(days.map((day) => keys.spend(day)));
      return days.map((day, index) => ({ day, ...total(hashes[index] ?? new Map()) }));
    },
    async use(time) {
      const byConversation = new Map<string, Record<string, string>>();
      for (const [name, value] of Object.entries(await redis.hgetall(keys.spend(time)))) {
        const [field = '', conversation = ''] = name.split(':');
        byConversation.set(conversation, { ...byConversation.get(conversation), [field]: value });
      }
      return new Map(
        [...byConversation].map(([conversation, fields]) => [conversation, parseUse(fields)]),
      );
    },
    turn: async (turn) => parseUse(await redis.hgetall(keys.spendTurn(turn))),
    async standing(turn, conversation, day) {
      const sums = { turnSums: keys.spendTurn(turn), daySums: keys.spend(day) };
      const values = await runScript(redis, standingScript, { keys: sums, args: { conversation } });
      const [turnUsd = 0, turnGrantedUsd = 0, dayUsd = 0] = Micros.parse(values);
      return { turnUsd, turnGrantedUsd, dayUsd };
    },
    async grantTurn(turn, usd) {
      await runScript(redis, grantScript, {
        keys: { turnSums: keys.spendTurn(turn), call: callKey() },
        args: { micros: Math.round(usd * 1e6), lifetimeSeconds: turnLifetime },
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

/** The fields of a turn's hash, or of one conversation in a day's. */
function parseUse(fields: Record<string, string>): ModelUse {
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
  // Fractions of a dollar do not add up exactly; millionths do.
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
 * The day, `YYYY-MM-DD`, that a person's calendar shows at a moment (ms since 1970). Without their
 * time zone (IANA name) it is the day in UTC.
 */
export function dayOf(ms: number, timezone = 'UTC'): string {
  // A format takes several milliseconds to make, on the way of every answer.
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
