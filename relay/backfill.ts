import type { Running } from '../shared/runtime/lifecycle.ts';
import { sweep } from '../shared/store/boxes/sweep.ts';
import type { Stores } from '../shared/store/stores.ts';
import { createTakeMissed } from './missed-messages.ts';
import type { MissedMessageDeps } from './missed-messages.ts';
import type { VmKeeper } from './wake/vm.ts';

/**
 * The intervals of the backfill (ms). The first round asks the carrier for the last `lookBackMs`;
 * then a round every `everyMs` asks for everything since the last complete round, with an overlap
 * of `overlapMs`. A message younger than `youngMs` may still arrive by webhook: Twilio's retries
 * end within half a minute. A round that left such a message is repeated when it is old enough, a
 * failed one after `youngMs` and then with a growing backoff.
 */
export type BackfillTimes = {
  lookBackMs: number;
  everyMs: number;
  overlapMs: number;
  youngMs: number;
};

export const backfillTimes: BackfillTimes = {
  lookBackMs: 24 * 3600_000,
  everyMs: 3600_000,
  overlapMs: 3600_000,
  youngMs: 60_000,
};

export type BackfillDeps = Omit<MissedMessageDeps, 'keeper'> & {
  /** Where our replies are found, and what waits without a job. */
  stores: Pick<Stores, 'redis' | 'turns' | 'deliveries' | 'ledger' | 'homes'>;
  keeper: Pick<VmKeeper, 'onAccepted' | 'look'>;
  times: BackfillTimes;
  /** In ms since 1970. */
  now: () => number;
};

/** Backfills missed messages: single-flight, however often it is requested. */
export type Backfill = {
  /** Runs a round at once, then one every hour. */
  start(): Running;
  /** Redis is back: start a round for what was missed during the outage. */
  redisIsBack(): void;
  /** A webhook was not stored: start a round once Twilio's retries are over. */
  somethingWasRefused(): void;
};

/**
 * Backfills messages that came while the relay or Redis was away, or whose webhook failed for good.
 * Notes late failures of replies whose status callback was lost, and adds a job for waiting entries
 * in Redis that have no job.
 */
export function createBackfill(parts: BackfillDeps): Backfill {
  const { times, now } = parts;
  const makeRound = createRound(parts);
  let [isStarted, isStopped, isRunning, isAskedAgain] = [false, false, false, false];
  let timer: NodeJS.Timeout | undefined;
  /** When the timer ends, in ms of the monotonic clock. */
  let due = Infinity;
  let lastBegan = -Infinity;
  /** When the last complete round began; later than now where the clock was set back. */
  let complete: number | undefined;
  let failures = 0;

  /**
   * A timer counts from the beginning of its turn of the event loop, so on a busy machine it ends
   * early; a round that is too early would find a message still too young.
   */
  const wait = (): void => {
    const left = due - performance.now();
    if (left <= 0) run();
    else timer = setTimeout(wait, Math.ceil(left));
  };
  const runIn = (ms: number): void => {
    const next = performance.now() + ms;
    if (isStopped || !isStarted || next >= due) return;
    clearTimeout(timer);
    due = next;
    timer = setTimeout(wait, ms);
  };
  const round = async (): Promise<void> => {
    const earliest = lastBegan - times.lookBackMs;
    const since =
      complete === undefined
        ? earliest
        : Math.max(Math.min(complete, lastBegan) - times.overlapMs, earliest);
    // The relay was away before its first round: nothing in the list then is certain to arrive by
    // webhook.
    const outcome = await makeRound(
      new Date(lastBegan),
      new Date(since),
      new Date(earliest),
      complete === undefined ? 0 : times.youngMs,
    );
    failures = outcome.isFailed ? failures + 1 : 0;
    if (!outcome.isFailed) complete = lastBegan;
    runIn(failures > 0 ? backoff(failures, times) : pauseFor(outcome.youngUntil - now(), times));
  };
  function run(): void {
    if (isStopped || !isStarted) return;
    if (isRunning) {
      isAskedAgain = true;
      return;
    }
    clearTimeout(timer);
    [due, lastBegan, isRunning, isAskedAgain] = [Infinity, now(), true, false];
    void round().finally(() => {
      isRunning = false;
      if (isAskedAgain) run();
    });
  }

  return {
    start() {
      isStarted = true;
      run();
      return {
        async stop() {
          isStopped = true;
          clearTimeout(timer);
        },
      };
    },
    redisIsBack() {
      // A flapping connection must not trigger a request to the carrier each time.
      if (now() - lastBegan < times.youngMs) runIn(times.youngMs);
      else run();
    },
    somethingWasRefused: () => runIn(times.youngMs),
  };
}

/** The longest backoff between two failing rounds, in multiples of `youngMs`. */
const mostPatience = 10;

/** The pause after the last of `failures` rounds that failed in a row (ms). */
function backoff(failures: number, { youngMs }: BackfillTimes): number {
  return youngMs * Math.min(2 ** (failures - 1), mostPatience);
}

/** How many rounds young messages may cause within `youngMs`. */
const mostRounds = 12;

/**
 * The pause after a round (ms); what it left is old enough in `dueMs`, Infinity if it left nothing.
 */
export function pauseFor(
  dueMs: number,
  { youngMs, everyMs }: Pick<BackfillTimes, 'youngMs' | 'everyMs'>,
): number {
  return Math.min(Math.max(dueMs, youngMs / mostRounds), everyMs);
}

/**
 * `youngUntil`: until then something may still arrive by webhook (ms since 1970; Infinity when
 * nothing is awaited). `isFailed`: a lookup or an intake failed. Never throws.
 */
type MakeRound = (
  now: Date,
  since: Date,
  earliest: Date,
  youngMs: number,
) => Promise<{ isFailed: boolean; youngUntil: number }>;

function createRound(parts: BackfillDeps): MakeRound {
  const { messenger, incoming, stores, keeper, log } = parts;
  const takeMissed = createTakeMissed(parts);
  /**
   * Failures noted in an earlier round: a message of ours may fail long after it was sent, so each
   * round reads the whole day.
   */
  let told = new Set<string>();

  const repairReplies = async (earliest: Date): Promise<void> => {
    const listed = new Set<string>();
    for await (const { sid, code } of messenger.undelivered(earliest)) {
      if (!told.has(sid)) {
        const reply = await stores.ledger.findSent(sid);
        // The ledger ignores what it already knows, so noting it again changes nothing.
        if (reply)
          await incoming.noteStatus({
            reply: reply.id,
            conversation: reply.conversation,
            sid,
            status: 'failed',
            code,
          });
      }
      listed.add(sid);
    }
    told = listed;
  };

  return async (now, since, earliest, youngMs) => {
    const attempt = async <T>(work: () => Promise<T>): Promise<T | undefined> => {
      try {
        return await work();
      } catch (error) {
        log.warn({ err: error }, 'backfill failed');
        return undefined;
      }
    };
    const left = await attempt(() => takeMissed(now, since, youngMs));
    const rest = await attempt(async () => {
      if ((await sweep(stores, log, await stores.homes.suffixes())) > 0) keeper.look();
      await repairReplies(earliest);
      return true;
    });
    return {
      isFailed: !left || left.failed > 0 || !rest,
      youngUntil: left?.youngUntil ?? Infinity,
    };
  };
}
