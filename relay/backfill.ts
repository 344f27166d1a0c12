import type { Running } from '../shared/runtime/lifecycle.ts';
import type { Reply } from '../shared/store/reply.ts';
import { createTakeMissed } from './missed-messages.ts';
import type { MissedMessageParts } from './missed-messages.ts';
import type { StatusReport } from '../shared/twilio/webhook.ts';

/**
 * The times of a repair (ms). The carrier is asked for the last `lookBackMs` at first, then every
 * `everyMs` for what came since the last round that left nothing, `overlapMs` of it twice. A
 * message younger than `youngMs` may still come by webhook: Twilio's tries are over within half a
 * minute. A round that left something is repeated after `youngMs`, one that failed then ever later.
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

export type BackfillDeps = MissedMessageParts & {
  /** The reply that a Twilio message is, if it is one of ours. */
  findReply: (sid: string) => Promise<Reply | undefined>;
  noteStatus: (report: StatusReport) => Promise<void>;
  /** Gives a job to what waits in Redis without one. */
  sweep: () => Promise<unknown>;
  times: BackfillTimes;
  /** In ms since 1970. */
  now: () => number;
};

/** Takes in what the relay never heard of: one round at a time, however often it is asked. */
export type Backfill = {
  /** Begins with a round, and makes one every hour. */
  start(): Running;
  /** Redis is back: what its outage has cost is looked for now. */
  redisIsBack(): void;
  /** A webhook was not stored: it is looked for when it may not come any more. */
  somethingWasRefused(): void;
};

/**
 * Backfills messages that came while the relay or Redis was away, or whose webhook failed for good.
 * Notes late failures of replies whose status callback was lost, and adds a job for what waits in
 * Redis without one.
 */
export function createBackfill(parts: BackfillDeps): Backfill {
  const { times, now } = parts;
  const makeRound = createRound(parts);
  let [isStarted, isStopped, isRunning, isAskedAgain] = [false, false, false, false];
  let timer: NodeJS.Timeout | undefined;
  let [due, lastBegan] = [Infinity, -Infinity];
  /** When the last round began that left nothing. */
  let complete: number | undefined;
  let failures = 0;

  const runIn = (ms: number): void => {
    if (isStopped || !isStarted || now() + ms >= due) return;
    clearTimeout(timer);
    due = now() + ms;
    timer = setTimeout(run, ms);
  };
  const round = async (): Promise<void> => {
    const earliest = lastBegan - times.lookBackMs;
    const since =
      complete === undefined ? earliest : Math.max(complete - times.overlapMs, earliest);
    // The relay was away before its first round: nothing that is in the list then is certain to
    // come by itself.
    const outcome = await makeRound(
      new Date(lastBegan),
      new Date(since),
      new Date(earliest),
      complete === undefined ? 0 : times.youngMs,
    );
    failures = outcome === 'failed' ? failures + 1 : 0;
    if (outcome !== 'failed') complete = lastBegan;
    runIn(
      outcome === 'done'
        ? times.everyMs
        : times.youngMs * Math.min(2 ** Math.max(failures - 1, 0), mostPatience),
    );
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
      // A connection that comes and goes must not ask the carrier each time.
      if (now() - lastBegan < times.youngMs) runIn(times.youngMs);
      else run();
    },
    somethingWasRefused: () => runIn(times.youngMs),
  };
}

/** So many times `youngMs` lie between two rounds that fail, at most. */
const mostPatience = 10;

/**
 * `young`: something may still come by webhook. `failed`: something could not be looked for, or not
 * be taken in. Never throws.
 */
type MakeRound = (
  now: Date,
  since: Date,
  earliest: Date,
  youngMs: number,
) => Promise<'done' | 'young' | 'failed'>;

function createRound({
  messenger,
  findReply,
  noteStatus,
  sweep,
  log,
  ...parts
}: BackfillDeps): MakeRound {
  const takeMissed = createTakeMissed({ ...parts, messenger, log });
  /**
   * What was told of earlier: a message of ours may fail long after it was sent, so that the whole
   * day is looked through each time.
   */
  let told = new Set<string>();

  const repairReplies = async (earliest: Date): Promise<void> => {
    const listed = new Set<string>();
    for await (const { sid, code } of messenger.undelivered(earliest)) {
      if (!told.has(sid)) {
        const reply = await findReply(sid);
        // The ledger knows what it has heard already, so telling it again changes nothing.
        if (reply)
          await noteStatus({
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
        log.warn({ err: error }, 'could not look for what was missed');
        return undefined;
      }
    };
    const left = await attempt(() => takeMissed(now, since, youngMs));
    const rest = await attempt(async () => {
      await sweep();
      await repairReplies(earliest);
      return true;
    });
    if (!left || left.failed > 0 || !rest) return 'failed';
    return left.young ? 'young' : 'done';
  };
}
