import type { Job } from 'bullmq';
import { waitingQuestion } from '../../shared/store/conversation.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import type { TurnData, TurnResult, Turns } from '../../shared/store/queues.ts';

/** The state of a turn. */
export type TurnState =
  'waiting' | 'put off' | 'waiting for the person' | 'working' | 'done' | 'failed';

/** A turn as one line. Times are ms since 1970; `tookMs` runs from its first message to its end. */
export type TurnLine = {
  id: string;
  conversation: string;
  text: string;
  messages: number;
  at: number;
  state: TurnState;
  attempts: number;
  tookMs: number | undefined;
  costUsd: number | undefined;
};

/** BullMQ's job states in our words, in display order. */
const states = [
  ['active', 'working'],
  ['waiting', 'waiting'],
  ['delayed', 'put off'],
  ['failed', 'failed'],
  ['completed', 'done'],
] as const;

/**
 * The newest turns of each state, at most `most` of each, active ones first. Skips turns that had
 * nothing to do.
 */
export async function readTurnLines(redis: Redis, turns: Turns, most: number): Promise<TurnLine[]> {
  const lists = await Promise.all(
    states.map(async ([type, state]) =>
      (await turns.queue.getJobs([type], 0, most - 1, false)).map((job) => toLine(job, state)),
    ),
  );
  const [active = [], waiting = [], delayed = [], failed = [], completed = []] = lists;
  const finished = [...failed, ...completed]
    .filter((line) => line.messages > 0)
    .toSorted((a, b) => b.at - a.at);
  const open = await Promise.all(
    [...active, ...waiting, ...delayed].map(async (line) => ({
      ...line,
      state: (await isAsking(redis, line)) ? ('waiting for the person' as const) : line.state,
    })),
  );
  return [...open, ...finished];
}

/** Whether a turn that has not ended waits for the answer to its question. */
export async function isAsking(
  redis: Redis,
  { id, conversation }: Pick<TurnLine, 'id' | 'conversation'>,
): Promise<boolean> {
  const stored = await redis.hget(keys.conversation(conversation), 'questions');
  return waitingQuestion(stored ?? undefined, id) !== undefined;
}

/** Our name for a job's state; undefined for an unknown state. */
export function turnState(type: string): TurnState | undefined {
  return states.find(([known]) => known === type)?.[1];
}

function toLine(job: Job<TurnData>, state: TurnState): TurnLine {
  const { conversation, messages } = job.data;
  const [first] = messages;
  const at = first ? Date.parse(first.at) : job.timestamp;
  const result: Partial<TurnResult> | null = job.returnvalue as Partial<TurnResult> | null;
  return {
    id: job.id ?? '',
    conversation,
    at,
    state,
    text: first?.text ?? '',
    messages: messages.length,
    attempts: job.attemptsStarted,
    tookMs: job.finishedOn && first ? job.finishedOn - at : undefined,
    costUsd: state === 'done' ? result?.costUsd : undefined,
  };
}
