import { z } from 'zod';
import { keys, prefix } from '../redis/keys.ts';
import type { ModelTokens } from '../../runtime/model-prices.ts';
import type { Redis } from '../redis/redis.ts';
import { runScript } from '../redis/script.ts';
import { loadScript } from '../redis/script-file.ts';
import { monthOf } from './spend.ts';

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
 * no limit. A limit in the person's record replaces that of the day.
 */
export type Limits = {
  turn: number | undefined;
  day: number | undefined;
  /** Of a month (UTC's or the person's, as the day), for everybody together. */
  month?: number | undefined;
};

/**
 * `open`: recorded and may be sent. `day`, `turn`, `month`: this budget is used up. `wait`: with
 * the open requests it could exceed a budget; try again when one of them has ended.
 */
export type Snapshot = 'open' | 'day' | 'turn' | 'month' | 'wait';

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
  close(request: OpenRequest, booking: Booking, isKnown: boolean): Promise<void>;
  /**
   * Marks as unsettled the open requests of this worker's earlier boots, and requests older than an
   * hour whose worker is gone. Returns how many.
   */
  closeOrphans(owner: string, now: number): Promise<number>;
  /** The number of open requests, including unsettled ones of dead workers. */
  countOpen(): Promise<number>;
};

/** The age at which an open request of another worker without a lease counts as an orphan (ms). */
const orphanMs = 3600_000;

const openScript = loadScript(new URL('lua/model-open.lua', import.meta.url), {
  keys: ['openRequests', 'daySums', 'turnSums', 'conversationKey', 'monthSums', 'monthMeter'],
  args: ['id', 'newNote', 'conversation', 'turn', 'day', 'dayLimit', 'turnLimit', 'monthLimit'],
});

const bookScript = loadScript(new URL('lua/model-book.lua', import.meta.url), {
  keys: ['openRequests', 'daySums', 'monthSums', 'turnSums', 'modelSums', 'homeSums'],
  args: ['id', 'amounts', 'state', 'most'],
});

const orphanScript = loadScript(new URL('lua/model-orphans.lua', import.meta.url), {
  keys: ['openRequests'],
  args: ['prefix', 'ownWorker', 'ownBoot', 'nowMs', 'ageMs'],
});

const Answer = z.enum(['open', 'day', 'turn', 'month', 'wait']);

/** `home` names the home whose worker sends the requests; '' counts them for no home. */
export function createModelRequests(redis: Redis, home = ''): ModelRequests {
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
        modelSums: keys.spendModels(monthOf(day)),
        homeSums: keys.spendHomes(monthOf(day)),
      },
      args: { id, amounts: JSON.stringify(amountsOf(booking)), state, most },
    });
  };
  return {
    async open(request, limits) {
      const { id, conversation, turn, day, most } = request;
      // Lua would confuse an empty array and an empty object when it encodes them.
      const newNote = JSON.stringify({ ...request, home, held: most, booked: { usd: 0 } });
      const answer = await runScript(redis, openScript, {
        keys: {
          openRequests: keys.modelOpen,
          daySums: keys.spend(day),
          turnSums: keys.spendTurn(turn),
          conversationKey: keys.conversation(conversation),
          monthSums: keys.spend(monthOf(day)),
          monthMeter: keys.meter(monthOf(day)),
        },
        args: {
          id,
          newNote,
          conversation,
          turn,
          day,
          dayLimit: limits.day ?? '',
          turnLimit: limits.turn ?? '',
          monthLimit: limits.month ?? '',
        },
      });
      return Answer.parse(answer);
    },
    book: (request, booking) => book(request, booking, 'open'),
    close: (request, booking, isKnown) => book(request, booking, isKnown ? 'settled' : 'unsettled'),
    async closeOrphans(owner, now) {
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
