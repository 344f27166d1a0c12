import type { Inbox } from '../../shared/store/boxes/inbox.ts';
import type { Message } from '../../shared/store/message.ts';
import type { Snapshot } from '../../shared/store/boxes/snapshot.ts';
import type { TurnMessage } from '../../shared/store/queues.ts';
import type { TurnContext } from './context.ts';

/** A message is given up after this many attempts that crashed or failed. */
export const mostAttempts = 3;

/**
 * Counts how often a worker has started the messages of a turn. Redis keeps the counts: the first
 * message counts when the turn is picked up, before any of it is read, every other one when it is
 * taken up. An attempt that was ended from outside (a stop, a usage limit, the wait for a slot) is
 * given back.
 */
export type Attempts = {
  /** Attempts at a message before this run of the turn. */
  before(id: string): number;
  /** Attempts at the messages that this run has started, including this one. */
  started(): ReadonlyMap<string, number>;
  /** The messages that this run has taken up. */
  taken(): ReadonlySet<string>;
  /**
   * Takes messages up: counts the uncounted ones and writes all of them into the turn's job.
   * `begins`: with them a run begins its work for Claude. Throws FencedError.
   */
  take(messages: Message[], begins?: boolean): Promise<void>;
  /**
   * Gives back the attempts of this run. `waits`: how often the turn was delayed, if changed.
   * Throws FencedError.
   */
  giveBack(waits?: number): Promise<void>;
};

export function createAttempts(
  inbox: Inbox,
  { job, turn, fence }: Pick<TurnContext, 'job' | 'turn' | 'fence'>,
  snapshot: Pick<Snapshot, 'attempts' | 'counted'>,
): Attempts {
  // An earlier version counted in the job alone.
  const inJob = new Map(job.data.messages.map(({ id, attempts }) => [id, attempts]));
  const before = (id: string): number => {
    const inRedis = (snapshot.attempts.get(id) ?? 0) - (id === snapshot.counted ? 1 : 0);
    return Math.max(inRedis, inJob.get(id) ?? 0);
  };
  const started = new Map<string, number>();
  const taken = new Map<string, TurnMessage>();
  if (snapshot.counted !== undefined) started.set(snapshot.counted, before(snapshot.counted) + 1);
  return {
    before,
    started: () => started,
    taken: () => new Set(taken.keys()),
    async take(messages, begins) {
      const counts = new Map<string, number>();
      for (const { id, at, text, media } of messages) {
        const attempts = before(id) + 1;
        counts.set(id, attempts);
        started.set(id, attempts);
        taken.set(id, { id, at, text, media: media.length, attempts });
      }
      job.data = { ...job.data, messages: [...taken.values()] };
      await inbox.take(fence, turn, job.data, counts, begins);
    },
    async giveBack(waits) {
      const messages = job.data.messages.map((message) =>
        started.has(message.id) ? { ...message, attempts: before(message.id) } : message,
      );
      job.data = { ...job.data, messages, ...(waits === undefined ? {} : { waits }) };
      const counts = new Map([...started.keys()].map((id) => [id, before(id)]));
      started.clear();
      await inbox.recount(fence, turn, job.data, counts);
    },
  };
}
