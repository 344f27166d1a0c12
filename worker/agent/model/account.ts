import { randomUUID } from 'node:crypto';
import type { Log } from '../../../shared/runtime/log.ts';
import { noTokens } from '../../../shared/runtime/model-prices.ts';
import type { ModelPrices } from '../../../shared/runtime/model-prices.ts';
import type {
  Booking,
  Limits,
  ModelRequests,
  OpenRequest,
  Snapshot,
} from '../../../shared/store/money/model-requests.ts';
import { dayOf } from '../../../shared/store/money/spend.ts';
import { addUse } from './sessions.ts';
import type { SessionState } from './sessions.ts';
import type { SeenUsage } from './usage-reader.ts';

/** A request that has been recorded and may go out. */
export type Entry = {
  /** Books the usage reported so far. */
  book(seen: SeenUsage): void;
  /**
   * Books the final usage, once; without `seen` the request cost nothing. `isKnown` false: the
   * service may have charged more than was seen.
   */
  close(seen: SeenUsage | undefined, isKnown: boolean): void;
};

/**
 * `day`, `turn`: that budget is used up. `busy`: too much is under way for the budget or for one
 * session. `away`: Redis cannot record the request, so it must not go out. `gone`: its client has
 * given up.
 */
export type Admission =
  | { entry: Entry; refused?: never }
  | { entry?: never; refused: 'day' | 'turn' | 'month' | 'busy' | 'away' | 'gone' };

export type ModelAccount = {
  /**
   * Records a request of a conversation's session before it goes out; `gone` fires when its client
   * gives up. Never rejects.
   */
  open(
    session: SessionState,
    conversation: string,
    body: Buffer,
    gone: AbortSignal,
  ): Promise<Admission>;
};

export type ModelAccountDeps = {
  requests: ModelRequests;
  prices: ModelPrices;
  limits: Limits;
  /** `WORKER_ID#boot` */
  owner: string;
  log: Log;
  /**
   * Timeout for recording a request in Redis, and how long a request waits for others to end before
   * it is refused (ms).
   */
  times?: { noteMs: number; waitMs: number };
};

/**
 * Claude Code retries after 0.5 s, ten times in three minutes (seen with 2.1.330), so a short
 * outage stays invisible.
 */
const usualTimes = { noteMs: 5000, waitMs: 5 * 60_000 };

/** How often a waiting request retries, since another worker may have made room (ms). */
const askAgainMs = 1000;

/** Limit on concurrent requests of one session; Claude Code with its sub-agents has about ten. */
const mostUnderWay = 32;

/** The largest answer of a current model (tokens), which Claude Code requests as its limit. */
const largestAnswer = 128_000;

/** The largest context of a current model (tokens). */
const largestContext = 1_000_000;

const nothing: Booking = { tokens: { ...noTokens }, cost: 0 };

export function createModelAccount(deps: ModelAccountDeps): ModelAccount {
  const { requests, prices, limits, owner, log, times = usualTimes } = deps;
  const room = createRoom();
  const unpriced = new Set<string>();

  const priceOf = ({ model, tokens, serving }: SeenUsage, asked: string): Booking => {
    const name = model ?? asked;
    if (!prices.knows(name) && !unpriced.has(name) && unpriced.size < 100) {
      unpriced.add(name);
      log.warn({ model: name }, 'unknown price for this model; using the highest known price');
    }
    return { tokens, cost: prices.cost(name, tokens, serving) };
  };

  const createEntry = (session: SessionState, request: OpenRequest): Entry => {
    let booked = nothing;
    let isSettled = false;
    const send = (booking: Booking, write: () => Promise<void>): void => {
      addUse(session, booked, booking);
      booked = booking;
      const writing = write()
        .catch((error: unknown) =>
          log.error(
            { err: error, conversation: request.conversation },
            'booking a model request failed',
          ),
        )
        .finally(() => session.bookings.delete(writing));
      session.bookings.add(writing);
    };
    session.underWay += 1;
    return {
      book(seen) {
        if (isSettled) return;
        const booking = priceOf(seen, request.model);
        // The model that answers may cost more than the requested one.
        const { input, cacheRead, cacheWrite5m, cacheWrite1h } = seen.tokens;
        const most = prices.cost(seen.model ?? request.model, {
          ...noTokens,
          cacheWrite5m: input + cacheRead + cacheWrite5m + cacheWrite1h,
          output: largestAnswer,
        });
        send(booking, () => requests.book({ ...request, most }, booking));
      },
      close(seen, isKnown) {
        if (isSettled) return;
        isSettled = true;
        session.underWay -= 1;
        const booking = seen ? priceOf(seen, request.model) : booked;
        send(booking, async () => {
          await requests.close(request, booking, isKnown);
          room.announce(request.conversation);
        });
      },
    };
  };

  return {
    async open(session, conversation, body, gone) {
      if (session.underWay >= mostUnderWay) return { refused: 'busy' };
      const { turn, timezone } = session;
      const model = askedModel(body);
      const read = readAtMost(body);
      const request: OpenRequest = {
        id: randomUUID(),
        owner,
        conversation,
        turn,
        model,
        at: Date.now(),
        day: dayOf(Date.now(), timezone),
        most: prices.cost(model, { ...noTokens, cacheWrite5m: read, output: largestAnswer }),
        likely: prices.cost(model, { ...noTokens, input: read }),
      };
      for (const until = request.at + times.waitMs; ; await room.wait(conversation, gone)) {
        const said = await note(requests, request, { limits, noteMs: times.noteMs, log });
        if (said === 'open') return { entry: createEntry(session, request) };
        if (said !== 'wait') return { refused: said };
        if (gone.aborted) return { refused: 'gone' };
        if (Date.now() > until) return { refused: 'busy' };
      }
    },
  };
}

/**
 * The model named in a body, where Claude Code puts it first; with another order the request still
 * goes out, and the highest price is reserved for it.
 */
function askedModel(body: Buffer): string {
  return (
    /^\s*\{\s*"model"\s*:\s*"([\w.:@/[\]-]{1,100})"/.exec(body.toString('latin1', 0, 300))?.[1] ??
    'unknown'
  );
}

/** Upper bound on a body's tokens, at four characters per token. */
function readAtMost(body: Buffer): number {
  return Math.min(Math.ceil(body.length / 4), largestContext);
}

/** The answer of Redis within the timeout; a record made later is undone. */
async function note(
  requests: ModelRequests,
  request: OpenRequest,
  { limits, noteMs, log }: { limits: Limits; noteMs: number; log: Log },
): Promise<Snapshot | 'away'> {
  const asked = requests.open(request, limits);
  let isLate = false;
  const late = new Promise<'away'>((resolve) => {
    const timer = setTimeout(() => {
      isLate = true;
      resolve('away');
    }, noteMs);
    asked.then(
      () => clearTimeout(timer),
      () => clearTimeout(timer),
    );
  });
  asked
    .then((said) =>
      isLate && said === 'open' ? requests.close(request, nothing, true) : undefined,
    )
    .catch(() => undefined);
  return await Promise.race([asked, late]).catch((error: unknown) => {
    log.warn({ err: error }, 'recording a model request failed');
    return 'away' as const;
  });
}

/** Where a conversation's requests wait until one of them ends. */
function createRoom(): {
  announce(conversation: string): void;
  wait(conversation: string, gone: AbortSignal): Promise<void>;
} {
  const waiting = new Map<string, Set<() => void>>();
  return {
    announce: (conversation) => waiting.get(conversation)?.forEach((wake) => wake()),
    async wait(conversation, gone) {
      const free = Promise.withResolvers<void>();
      const wake = (): void => free.resolve();
      const all = waiting.get(conversation) ?? new Set();
      waiting.set(conversation, all.add(wake));
      const timer = setTimeout(wake, askAgainMs);
      gone.addEventListener('abort', wake, { once: true });
      await free.promise;
      clearTimeout(timer);
      gone.removeEventListener('abort', wake);
      all.delete(wake);
      if (all.size === 0) waiting.delete(conversation);
    },
  };
}
