import { z } from 'zod';
import { keys, prefix } from './keys.ts';
import type { ModelTokens } from './model-prices.ts';
import type { Redis } from './redis.ts';
import { runScript } from './script.ts';
import type { Script } from './script.ts';
import { monthOf, sumLifetime, turnLifetime } from './spend.ts';

/** A request to the model, as it is noted before it goes out. Money is in millionths of a dollar. */
export type OpenRequest = {
  /** Never used before. */
  id: string;
  /** `WORKER_ID#boot` of the worker that sends it. */
  owner: string;
  conversation: string;
  /** The turn that it belongs to; '' when no turn is at work. */
  turn: string;
  model: string;
  /** The person's day, `YYYY-MM-DD`. */
  day: string;
  /** ms since 1970. */
  at: number;
  /** What it may cost at most, held back from the budgets for as long as it is open; a later booking may know better. */
  most: number;
  /** What it is taken to have cost when that never becomes known. */
  likely: number;
};

/** The budgets of a turn and of a person's day in millionths of a dollar, without what was granted; undefined: none. */
export type Limits = { turn: number | undefined; day: number | undefined };

/**
 * `open`: it is noted and may go out. `day`, `turn`: this budget is used up. `wait`: together with what is under way it could go beyond a budget; to be asked
 * again when something of it has ended.
 */
export type Opening = 'open' | 'day' | 'turn' | 'wait';

/** What a request has used up to now, its cost in millionths of a dollar. */
export type Booking = { tokens: ModelTokens; cost: number };

/** The account of the requests to the model, in Redis. Every step may be repeated; each is one script. */
export type ModelRequests = {
  /** Notes a request as open, unless a budget is used up. */
  open(request: OpenRequest, limits: Limits): Promise<Opening>;
  /** Adds to the sums what an open request has used that is not in them yet. */
  book(request: OpenRequest, booking: Booking): Promise<void>;
  /** The same for the last time: it is open no more. `isKnown` false: the service may have charged more than it has said, which is counted as not settled. */
  settle(request: OpenRequest, booking: Booking, isKnown: boolean): Promise<void>;
  /** Counts as not settled what earlier boots of this worker have left open, and what is older than an hour and whose worker is gone. Returns how many. */
  settleOrphans(owner: string, now: number): Promise<number>;
  /** How many requests are under way, those of dead workers that are not settled yet included. */
  countOpen(): Promise<number>;
};

/** How old a request of another worker without a lease must be before it is taken for an orphan (ms). */
const orphanMs = 3600_000;

const openScript: Script = {
  name: 'sidepocketModelOpen',
  keys: 4,
  // KEYS: open requests, the day's sums, the turn's sums, conversation. ARGV: id, note, conversation, turn or '', day, day's budget or '', turn's budget or ''.
  lua: `
    if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 then return 'open' end
    if ARGV[6] ~= '' or ARGV[7] ~= '' then
      local heldByDay, heldByTurn = 0, 0
      for _, raw in ipairs(redis.call('HVALS', KEYS[1])) do
        local note = cjson.decode(raw)
        if note.conversation == ARGV[3] then
          if note.day == ARGV[5] then heldByDay = heldByDay + note.held end
          if note.turn == ARGV[4] then heldByTurn = heldByTurn + note.held end
        end
      end
      local function sum(key, ...)
        local all = 0
        for _, field in ipairs({ ... }) do all = all + tonumber(redis.call('HGET', key, field) or 0) end
        return all
      end
      local waits = false
      if ARGV[6] ~= '' then
        local spent = sum(KEYS[2], 'usd:' .. ARGV[3], 'held:' .. ARGV[3])
        local on, dollars = string.match(redis.call('HGET', KEYS[4], 'granted') or '', '^(%S+) (%S+)$')
        local limit = tonumber(ARGV[6]) + (on == ARGV[5] and tonumber(dollars) or 0) * 1000000
        if spent >= limit then return 'day' end
        waits = waits or (heldByDay > 0 and spent + heldByDay >= limit)
      end
      if ARGV[7] ~= '' and ARGV[4] ~= '' then
        local spent = sum(KEYS[3], 'usd', 'held')
        local limit = tonumber(ARGV[7]) + sum(KEYS[3], 'granted')
        if spent >= limit then return 'turn' end
        waits = waits or (heldByTurn > 0 and spent + heldByTurn >= limit)
      end
      if waits then return 'wait' end
    end
    redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
    return 'open'`,
};

/** Lua that adds amounts to the sums of a day, its month and a turn; a turn's hash has no conversation in its fields. */
const addLua = `
  local function add(note, field, amount, day, month, turn)
    if amount == 0 then return end
    local text = string.format('%.0f', amount)
    for _, key in ipairs({ day, month }) do
      redis.call('HINCRBY', key, field .. ':' .. note.conversation, text)
      redis.call('EXPIRE', key, ${sumLifetime})
    end
    if note.turn ~= '' then
      redis.call('HINCRBY', turn, field, text)
      redis.call('EXPIRE', turn, ${turnLifetime})
    end
  end`;

const bookScript: Script = {
  name: 'sidepocketModelBook',
  keys: 4,
  // KEYS: open requests, the day's sums, the month's, the turn's. ARGV: id, amounts up to now by field, 'open', 'settled' or 'unsettled', most.
  lua: `${addLua}
    local raw = redis.call('HGET', KEYS[1], ARGV[1])
    if not raw then return 0 end
    local note = cjson.decode(raw)
    for field, amount in pairs(cjson.decode(ARGV[2])) do
      add(note, field, amount - (note.booked[field] or 0), KEYS[2], KEYS[3], KEYS[4])
      note.booked[field] = amount
    end
    if ARGV[3] == 'open' then
      note.held = math.max(tonumber(ARGV[4]) - note.booked.usd, 0)
      redis.call('HSET', KEYS[1], ARGV[1], cjson.encode(note))
      return 1
    end
    if ARGV[3] == 'unsettled' then
      add(note, 'unsettled', 1, KEYS[2], KEYS[3], KEYS[4])
      add(note, 'held', math.max(note.likely - (note.booked.usd or 0), 0), KEYS[2], KEYS[3], KEYS[4])
    end
    if (note.booked.out or 0) > 0 or (note.booked['in'] or 0) > 0 then add(note, 'requests', 1, KEYS[2], KEYS[3], KEYS[4]) end
    redis.call('HDEL', KEYS[1], ARGV[1])
    return 1`,
};

const orphanScript: Script = {
  name: 'sidepocketModelOrphans',
  keys: 1,
  // KEYS: open requests; the keys of leases and sums are made of the prefix and what a note names. ARGV: prefix, worker, boot, now (ms), age (ms).
  lua: `-- derives lease:*, spend:*, spend-turn:*
    ${addLua}
    local all, found = redis.call('HGETALL', KEYS[1]), 0
    for i = 1, #all, 2 do
      local note = cjson.decode(all[i + 1])
      local worker, boot = string.match(note.owner, '^(.*)#(%d+)$')
      local gone = worker == ARGV[2] and tonumber(boot) < tonumber(ARGV[3])
      if worker ~= ARGV[2] and note.at < tonumber(ARGV[4]) - tonumber(ARGV[5]) then gone = redis.call('GET', ARGV[1] .. ':lease:' .. worker) ~= boot end
      if gone then
        local spend = ARGV[1] .. ':spend:'
        local day, month, turn = spend .. note.day, spend .. string.sub(note.day, 1, 7), ARGV[1] .. ':spend-turn:' .. note.turn
        add(note, 'unsettled', 1, day, month, turn)
        add(note, 'held', math.max(note.likely - (note.booked.usd or 0), 0), day, month, turn)
        redis.call('HDEL', KEYS[1], all[i])
        found = found + 1
      end
    end
    return found`,
};

const Answer = z.enum(['open', 'day', 'turn', 'wait']);

export function createModelRequests(redis: Redis): ModelRequests {
  const book = async ({ id, day, turn, most }: OpenRequest, booking: Booking, state: string): Promise<void> => {
    await runScript(redis, bookScript, [
      keys.modelOpen, keys.spend(day), keys.spend(monthOf(day)), keys.spendTurn(turn), id, JSON.stringify(amountsOf(booking)), state, most,
    ]);
  };
  return {
    async open(request, limits) {
      const { id, conversation, turn, day, most } = request;
      // An array or object without content would come back from Lua as the other.
      const note = JSON.stringify({ ...request, held: most, booked: { usd: 0 } });
      const args = [id, note, conversation, turn, day, limits.day ?? '', limits.turn ?? ''];
      return Answer.parse(await runScript(redis, openScript, [keys.modelOpen, keys.spend(day), keys.spendTurn(turn), keys.conversation(conversation), ...args]));
    },
    book: (request, booking) => book(request, booking, 'open'),
    settle: (request, booking, isKnown) => book(request, booking, isKnown ? 'settled' : 'unsettled'),
    async settleOrphans(owner, now) {
      const [worker = '', boot = ''] = owner.split(/#(?=\d+$)/);
      return Number(await runScript(redis, orphanScript, [keys.modelOpen, prefix, worker, boot || 0, now, orphanMs]));
    },
    countOpen: () => redis.hlen(keys.modelOpen),
  };
}

/** The fields of the sums. `in` is all that was read, as it was before the kinds were counted apart. */
function amountsOf({ tokens, cost }: Booking): Record<string, number> {
  const { input, output, cacheWrite5m, cacheWrite1h, cacheRead, webSearches } = tokens;
  return {
    usd: cost, in: input + cacheWrite5m + cacheWrite1h + cacheRead, out: output,
    fresh: input, write5m: cacheWrite5m, write1h: cacheWrite1h, cached: cacheRead, searches: webSearches,
  };
}
