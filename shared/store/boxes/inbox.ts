import { forgottenBefore, readGivenUp } from './given-up.ts';
import type { GivenUp } from './given-up.ts';
import { keys, prefix } from '../redis/keys.ts';
import { readMessage } from '../message.ts';
import type { Message, MessageState } from '../message.ts';
import { callKey } from '../redis/idempotent.ts';
import type { TurnData } from '../queues.ts';
import type { Redis } from '../redis/redis.ts';
import { retentionSeconds, usualRetentionDays } from '../redis/retention.ts';
import { runScript } from '../redis/script.ts';
import { loadScript } from '../redis/script-file.ts';
import { eventNote } from '../turns/record-note.ts';

/**
 * Proof that the caller still holds a job: BullMQ's lock on it and the token that the lock must
 * contain. A worker that was declared dead and its successor on the job have different tokens, so
 * only one of them can change anything.
 */
export type Fence = { lock: string; token: string };

/**
 * Thrown when a fenced step finds that another worker holds the job. The caller stops without side
 * effects.
 */
export class FencedError extends Error {
  override name = 'FencedError';
}

/**
 * A conversation's messages on their way to Claude. They leave the inbox in the same step that puts
 * their answer into the outbox.
 */
export type Inbox = {
  /**
   * The waiting messages, oldest first: all, or those whose entries match; unreadable entries are
   * omitted.
   */
  read(conversation: string, matching?: RegExp): Promise<Message[]>;
  /** The number of waiting entries, including unreadable ones. */
  size(conversation: string): Promise<number>;
  /**
   * Notes that the turn has taken up the messages (`attempts` counts how often, this time
   * included), and records in its job what it has taken up so far. With `begins` the record for its
   * live page begins a run. Throws FencedError.
   */
  take(
    fence: Fence,
    turn: string,
    data: TurnData,
    attempts: ReadonlyMap<string, number>,
    begins?: boolean,
  ): Promise<void>;
  /**
   * Notes in the job and with the messages how often each was started, after an attempt that does
   * not count. Throws FencedError.
   */
  recount(
    fence: Fence,
    turn: string,
    data: TurnData,
    attempts: ReadonlyMap<string, number>,
  ): Promise<void>;
  /**
   * Adds a line to the turn's log, or notes its current activity, for the dashboard. Throws
   * FencedError.
   */
  note(
    fence: Fence,
    turn: string,
    conversation: string,
    note: { log?: string; doing?: string },
  ): Promise<void>;
  /** The given-up messages of the conversation that can be retried, the latest first. */
  givenUp(conversation: string): Promise<GivenUp[]>;
  /**
   * Moves given-up messages back to the head of the inbox and removes the message that requested
   * this, in one atomic step. Returns how many moved; with 0 nothing has changed. Throws
   * FencedError.
   */
  requeue(fence: Fence, conversation: string, askedBy: string, ids: string[]): Promise<number>;
};

/** The data written to a turn's job. */
type TurnWrite = {
  data?: TurnData;
  state?: MessageState;
  attempts?: ReadonlyMap<string, number>;
  log?: string;
  doing?: string;
  /** What the record for the turn's live page gets. */
  record?: 'run' | 'news';
};

const turnScript = loadScript(new URL('lua/turn.lua', import.meta.url), {
  keys: ['job', 'attempts', 'log'],
  args: [
    'prefix',
    'turn',
    'conversation',
    'data',
    'state',
    'line',
    'progress',
    'nowMs',
    'lifetimeSeconds',
    'record',
    'begins',
  ],
  rest: 'counts',
  fence: 'required',
});

const requeueScript = loadScript(new URL('lua/requeue-given-up.lua', import.meta.url), {
  keys: ['inbox', 'conversationKey', 'call'],
  args: ['prefix', 'askedBy', 'ids', 'conversation', 'nowMs', 'lifetimeSeconds'],
  fence: 'required',
});

/** Given-up messages are kept for `retentionDays`; the turns are those of the queue `turns`. */
export function createInbox(
  redis: Redis,
  retentionDays: number = usualRetentionDays,
  turns = 'turns',
): Inbox {
  const write = async (
    fence: Fence,
    turn: string,
    conversation: string,
    { data, state, attempts = new Map(), log, doing, record }: TurnWrite,
  ): Promise<void> => {
    const outcome = await runScript(redis, turnScript, {
      fence,
      keys: {
        job: keys.job(turns, turn),
        attempts: keys.attempts(conversation),
        log: keys.jobLog(turns, turn),
      },
      args: {
        prefix,
        turn,
        conversation,
        nowMs: Date.now(),
        lifetimeSeconds: retentionSeconds(retentionDays),
        data: data ? JSON.stringify(data) : '',
        state: state ?? '',
        line: log ?? '',
        progress: doing === undefined ? '' : JSON.stringify(doing),
        record: record ? eventNote(record) : '',
        begins: record === 'run' ? '1' : '',
      },
      rest: [...attempts].flat(),
    });
    if (outcome === 'fenced') throw new FencedError('another worker has this turn');
  };
  return {
    async read(conversation, matching) {
      const raw = await redis.lrange(keys.inbox(conversation), 0, -1);
      return (matching ? raw.filter((entry) => matching.test(entry)) : raw).flatMap(
        (entry) => readMessage(entry) ?? [],
      );
    },
    size: (conversation) => redis.llen(keys.inbox(conversation)),
    take: (fence, turn, data, attempts, begins = false) =>
      write(fence, turn, data.conversation, {
        data,
        attempts,
        state: 'working',
        record: begins ? 'run' : 'news',
      }),
    recount: (fence, turn, data, attempts) =>
      write(fence, turn, data.conversation, { data, attempts }),
    note: write,
    givenUp: (conversation) =>
      readGivenUp(redis, conversation, forgottenBefore(Date.now(), retentionDays)),
    async requeue(fence, conversation, askedBy, ids) {
      const outcome = await runScript(redis, requeueScript, {
        fence,
        keys: {
          inbox: keys.inbox(conversation),
          conversationKey: keys.conversation(conversation),
          call: callKey(),
        },
        args: {
          prefix,
          askedBy,
          ids: JSON.stringify(ids),
          conversation,
          nowMs: Date.now(),
          lifetimeSeconds: retentionSeconds(retentionDays),
        },
      });
      if (outcome === 'fenced') throw new FencedError('another worker has this turn');
      return Number(outcome);
    },
  };
}
