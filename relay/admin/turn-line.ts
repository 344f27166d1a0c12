import type { Job } from 'bullmq';
import type { TurnData, TurnResult, Turns } from '../../shared/store/queues.ts';

/** How far a turn has come. */
export type TurnState = 'waiting' | 'put off' | 'working' | 'done' | 'failed';

/** A turn in a line. Times are ms since 1970; `tookMs` is from its first message to its end. */
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

/** BullMQ's states of a job in our words, in the order in which they are shown. */
const states = [
  ['active', 'working'],
  ['waiting', 'waiting'],
  ['delayed', 'put off'],
  ['failed', 'failed'],
  ['completed', 'done'],
] as const;

/**
 * The newest turns of each state, `most` of each, those under way first. A turn that had nothing to
 * do is left out.
 */
export async function readTurnLines(turns: Turns, most: number): Promise<TurnLine[]> {
  const lists = await Promise.all(
    states.map(async ([type, state]) =>
      (await turns.queue.getJobs([type], 0, most - 1, false)).map((job) => toLine(job, state)),
    ),
  );
  const [active = [], waiting = [], delayed = [], failed = [], completed = []] = lists;
  const finished = [...failed, ...completed]
    .filter((line) => line.messages > 0)
    .toSorted((a, b) => b.at - a.at);
  return [...active, ...waiting, ...delayed, ...finished];
}

/** The state of a single job; undefined when it is in none of ours. */
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
