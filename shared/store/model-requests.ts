import { z } from 'zod';
import { keys, prefix } from './redis/keys.ts';
import type { ModelTokens } from '../runtime/model-prices.ts';
import type { Redis } from './redis/redis.ts';
import { defineScript, runScript } from './redis/script.ts';
import { monthOf, sumLifetime, turnLifetime } from './spend.ts';

/** A request to the model, recorded before it is sent. Money is in millionths of a dollar. */
export type OpenRequest = {
  /** Unique. */
  id: string;
  /** `WORKER_ID#boot` of the sending worker. */
  owner: string;
  conversation: string;
  /** The turn that it belongs to; '' outside a turn. */
  turn: string;
  model: string;
  /** The person's day, `YYYY-MM-DD`. */
  day: string;
  /** ms since 1970. */
  at: number;
  /** Its maximum cost, reserved in the budgets while it is open; a later booking may correct it. */
  most: number;
  /** Its assumed cost if the actual cost never becomes known. */
  likely: number;
};

/**
 * The budgets of a turn and of a person's day in millionths of a dollar, without grants; undefined:
 * no limit.
 */
export type Limits = { turn: number | undefined; day: number | undefined };

/**
 * `open`: recorded and may be sent. `day`, `turn`: this budget is used up. `wait`: with the open
 * requests it could exceed a budget; try again when one of them has ended.
 */
export type Snapshot = 'open' | 'day' | 'turn' | 'wait';

/** A request's usage so far, its cost in millionths of a dollar. */
export type Booking = { tokens: ModelTokens; cost: number };

/** The account of model requests in Redis. Every step is idempotent; each is one script. */
export type ModelRequests = {
  /** Records a request as open, unless a budget is used up. */
  open(request: OpenRequest, limits: Limits): Promise<Snapshot>;
  /** Adds an open request's new usage to the sums. */
  book(request: OpenRequest, booking: Booking): Promise<void>;
  /**
   * Like `book`, and closes the request. `isKnown` false: the service may have charged more than it
   * reported, so the request counts as unsettled.
   */
  settle(request: OpenRequest, booking: Booking, isKnown: boolean): Promise<void>;
  /**
   * Marks as unsettled the open requests of this worker's earlier boots, and requests older than an
   * hour whose worker is gone. Returns how many.
   */
  settleOrphans(owner: string, now: number): Promise<number>;
  /** The number of open requests, including unsettled ones of dead workers. */
  countOpen(): Promise<number>;
};

/** The age at which an open request of another worker without a lease counts as an orphan (ms). */
const orphanMs = 3600_000;

const openScript = defineScript({
  name: 'sidepocketModelOpen',
  keys: ['openRequests', 'daySums', 'turnSums', 'conversationKey'],
  args: ['id', 'newNote', 'conversation', 'turn', 'day', 'dayLimit', 'turnLimit'],
  // `dayLimit` and `turnLimit` are '' without a budget; `turn` is '' outside a turn.
  lua: `
    if redis.call('HEXISTS', openRequests, id) == 1 then return 'open' end
    if dayLimit ~= '' or turnLimit ~= '' then
      local heldByDay, heldByTurn = 0, 0
      for _, raw in ipairs(redis.call('HVALS', openRequests)) do
        local note = cjson.decode(raw)
        if note.conversation == conversation then
          if note.day == day then heldByDay = heldByDay + note.held end
          if note.turn == turn then heldByTurn = heldByTurn + note.held end
        end
      end
      local function sum(key, ...)
        local all = 0
        for _, field in ipairs({ ... }) do all = all + tonumber(redis.call('HGET', key, field) or 0) end
        return all
      end
      local waits = false
      if dayLimit ~= '' then
        local spent = sum(daySums, 'usd:' .. conversation, 'held:' .. conversation)
        local on, dollars = string.match(redis.call('HGET', conversationKey, 'granted') or '', '^(%S+) (%S+)$')
        local limit = tonumber(dayLimit) + (on == day and tonumber(dollars) or 0) * 1000000
        if spent >= limit then return 'day' end
        waits = waits or (heldByDay > 0 and spent + heldByDay >= limit)
      end
      if turnLimit ~= '' and turn ~= '' then
        local spent = sum(turnSums, 'usd', 'held')
        local limit = tonumber(turnLimit) + sum(turnSums, 'granted')
        if spent >= limit then return 'turn' end
        waits = waits or (heldByTurn > 0 and spent + heldByTurn >= limit)
      end
      if waits then return 'wait' end
    end
    redis.call('HSET', openRequests, id, newNote)
    return 'open'`,
});

/**
 * Lua that adds amounts to the sums of a day, its month and a turn; a turn's hash has no
 * conversation in its fields.
 */
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

const bookScript = defineScript({
  name: 'sidepocketModelBook',
  keys: ['openRequests', 'daySums', 'monthSums', 'turnSums'],
  args: ['id', 'amounts', 'state', 'most'],
  // `amounts` is JSON of the amounts so far by field; `state` is open, settled or unsettled.
  lua: `${addLua}
    local raw = redis.call('HGET', openRequests, id)
    if not raw then return 0 end
    local note = cjson.decode(raw)
    for field, amount in pairs(cjson.decode(amounts)) do
      add(note, field, amount - (note.booked[field] or 0), daySums, monthSums, turnSums)
      note.booked[field] = amount
    end
    if state == 'open' then
      note.held = math.max(tonumber(most) - note.booked.usd, 0)
      redis.call('HSET', openRequests, id, cjson.encode(note))
      return 1
    end
    if state == 'unsettled' then
      add(note, 'unsettled', 1, daySums, monthSums, turnSums)
      add(note, 'held', math.max(note.likely - (note.booked.usd or 0), 0), daySums, monthSums, turnSums)
    end
    if (note.booked.out or 0) > 0 or (note.booked['in'] or 0) > 0 then
      add(note, 'requests', 1, daySums, monthSums, turnSums)
    end
    redis.call('HDEL', openRequests, id)
    return 1`,
});

const orphanScript = defineScript({
  name: 'sidepocketModelOrphans',
  keys: ['openRequests'],
  args: ['prefix', 'ownWorker', 'ownBoot', 'nowMs', 'ageMs'],
  // The keys of leases and sums are built from the prefix and the names in a request's record.
  lua: `-- derives lease:*, spend:*, spend-turn:*
    ${addLua}
    local all, found = redis.call('HGETALL', openRequests), 0
    for i = 1, #all, 2 do
      local note = cjson.decode(all[i + 1])
      local worker, boot = string.match(note.owner, '^(.*)#(%d+)$')
      local gone = worker == ownWorker and tonumber(boot) < tonumber(ownBoot)
      if worker ~= ownWorker and note.at < tonumber(nowMs) - tonumber(ageMs) then
        gone = redis.call('GET', prefix .. ':lease:' .. worker) ~= boot
      end
      if gone then
        local spend = prefix .. ':spend:'
        local day, month = spend .. note.day, spend .. string.sub(note.day, 1, 7)
        local turn = prefix .. ':spend-turn:' .. note.turn
        add(note, 'unsettled', 1, day, month, turn)
        add(note, 'held', math.max(note.likely - (note.booked.usd or 0), 0), day, month, turn)
        redis.call('HDEL', openRequests, all[i])
        found = found + 1
      end
    end
    return found`,
});

const Answer = z.enum(['open', 'day', 'turn', 'wait']);

export function createModelRequests(redis: Redis): ModelRequests {
  const book = async (
    { id, day, turn, most }: OpenRequest,
    booking: Booking,
    state: string,
  ): Promise<void> => {
    await runScript(redis, bookScript, {
      keys: {
        openRequests: keys.modelOpen,
        daySums: keys.spend(day),
        monthSums: keys.spend(monthOf(day)),
        turnSums: keys.spendTurn(turn),
      },
      args: { id, amounts: JSON.stringify(amountsOf(booking)), state, most },
    });
  };
  return {
    async open(request, limits) {
      const { id, conversation, turn, day, most } = request;
      // Lua would confuse an empty array and an empty object when it encodes them.
      const newNote = JSON.stringify({ ...request, held: most, booked: { usd: 0 } });
      const answer = await runScript(redis, openScript, {
        keys: {
          openRequests: keys.modelOpen,
          daySums: keys.spend(day),
          turnSums: keys.spendTurn(turn),
          conversationKey: keys.conversation(conversation),
        },
        args: {
          id,
          newNote,
          conversation,
          turn,
          day,
          dayLimit: limits.day ?? '',
          turnLimit: limits.turn ?? '',
        },
      });
      return Answer.parse(answer);
    },
    book: (request, booking) => book(request, booking, 'open'),
    settle: (request, booking, isKnown) =>
      book(request, booking, isKnown ? 'settled' : 'unsettled'),
    async settleOrphans(owner, now) {
      const [worker = '', boot = ''] = owner.split(/#(?=\d+$)/);
      const args = { prefix, ownWorker: worker, ownBoot: boot || 0, nowMs: now, ageMs: orphanMs };
      return Number(
        await runScript(redis, orphanScript, { keys: { openRequests: keys.modelOpen }, args }),
      );
    },
    countOpen: () => redis.hlen(keys.modelOpen),
  };
}

/** The fields of the sums. `in` is all input, as before the categories were counted separately. */
function amountsOf({ tokens, cost }: Booking): Record<string, number> {
  const { input, output, cacheWrite5m, cacheWrite1h, cacheRead, webSearches } = tokens;
  return {
    usd: cost,
    in: input + cacheWrite5m + cacheWrite1h + cacheRead,
    out: output,
    fresh: input,
    write5m: cacheWrite5m,
    write1h: cacheWrite1h,
    cached: cacheRead,
    searches: webSearches,
  };
}
