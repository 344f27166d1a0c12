import type { Job } from 'bullmq';
import type { FailedMessages } from '../../shared/store/boxes/failed-messages.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import type { TurnData, TurnMessage, TurnResult, Turns } from '../../shared/store/queues.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import { Reply } from '../../shared/store/reply.ts';
import { createSpend } from '../../shared/store/money/spend.ts';
import type { ModelUse } from '../../shared/store/money/spend.ts';
import { isAsking, turnState } from './turn-line.ts';
import type { TurnState } from './turn-line.ts';

/** A line of the turn's log; `at` is ms since 1970. */
export type Step = { at: number | undefined; text: string };

/** A turn from its messages to the delivery of its replies. Times are ms since 1970. */
export type TurnStory = {
  id: string;
  conversation: string;
  state: TurnState | undefined;
  addedAt: number;
  startedAt: number | undefined;
  finishedAt: number | undefined;
  attempts: number;
  worker: string | undefined;
  messages: (TurnMessage & { state: string | undefined })[];
  steps: Step[];
  replies: Reply[];
  result: TurnResult | undefined;
  /** The turn's model usage over all of its attempts; a failed turn has it, too. */
  use: ModelUse;
  failure: string | undefined;
  /** The turn's given-up messages that can be retried. */
  retryable: string[];
};

export type TurnStories = { read(id: string): Promise<TurnStory | undefined> };

/** How many of the newest log lines are shown. */
const mostSteps = 500;

export function createTurnStories(redis: Redis, turns: Turns, failed: FailedMessages): TurnStories {
  const readReplies = async (turn: string): Promise<Reply[]> => {
    const hashes = await Promise.all(
      (await redis.lrange(keys.turnReplies(turn), 0, -1)).map((id) =>
        redis.hgetall(keys.reply(id)),
      ),
    );
    return hashes.flatMap((hash) => Reply.safeParse(hash).data ?? []);
  };
  const tell = async (job: Job<TurnData, TurnResult>, id: string): Promise<TurnStory> => {
    const { conversation, messages } = job.data;
    const [type, { logs }, replies, dead, use, states] = await Promise.all([
      job.getState(),
      turns.queue.getJobLogs(id, -mostSteps, -1, true),
      readReplies(id),
      failed.list(conversation),
      createSpend(redis).turn(id),
      Promise.all(messages.map((message) => redis.hget(keys.message(message.id), 'state'))),
    ]);
    const given = new Set(dead.map((message) => message.id));
    const isOpen = job.finishedOn === undefined && (await isAsking(redis, { id, conversation }));
    return {
      id,
      conversation,
      replies,
      use,
      state: isOpen ? 'waiting for the person' : turnState(type),
      addedAt: job.timestamp,
      startedAt: job.processedOn,
      finishedAt: job.finishedOn,
      attempts: job.attemptsStarted,
      worker: job.processedBy,
      messages: messages.map((message, index) => ({
        ...message,
        state: states[index] ?? undefined,
      })),
      steps: logs.map((line) => parseStep(line)),
      result: type === 'completed' ? job.returnvalue : undefined,
      failure: job.failedReason,
      retryable: messages.map((message) => message.id).filter((message) => given.has(message)),
    };
  };
  return {
    async read(id) {
      const job: Job<TurnData, TurnResult> | undefined = await turns.queue.getJob(id);
      return job ? await tell(job, id) : undefined;
    },
  };
}

/** Parses a log line, which begins with its time. */
export function parseStep(line: string): Step {
  const [, at, text] = /^(\d{4}-\d\d-\d\dT[\d:.]+Z) ([^]*)$/.exec(line) ?? [];
  return at === undefined || text === undefined
    ? { at: undefined, text: line }
    : { at: Date.parse(at), text };
}
