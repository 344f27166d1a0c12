import type { Job } from 'bullmq';
import type { FailedMessages } from '../../../shared/store/boxes/failed-messages.ts';
import type { HomeRegistry } from '../../../shared/store/homes/registry.ts';
import { waitingQuestion } from '../../../shared/store/conversation.ts';
import { firstToExist } from '../../../shared/store/redis/first-to-exist.ts';
import { keys } from '../../../shared/store/redis/keys.ts';
import { readMessage } from '../../../shared/store/message.ts';
import type { TurnData, TurnMessage, Turns } from '../../../shared/store/queues.ts';
import type { Redis } from '../../../shared/store/redis/redis.ts';
import { Reply } from '../../../shared/store/reply.ts';
import { createSpend } from '../../../shared/store/money/spend.ts';
import type { ModelUse } from '../../../shared/store/money/spend.ts';
import type { Turn, TurnList, TurnPart } from '../../../shared/store/turns/turn-list.ts';

/** A line of the turn's log; `at` is ms since 1970. */
export type Step = { at: number | undefined; text: string };

/** A turn from its messages to the delivery of its replies. */
export type TurnStory = {
  turn: Turn;
  worker: string | undefined;
  steps: Step[];
  /** Whether the log of its steps is still kept. */
  hasLog: boolean;
  replies: Reply[];
  /** What it asks the person, if it waits for an answer. */
  question: string | undefined;
  /** Its model usage over all of its attempts; a failed turn has it, too. */
  use: ModelUse;
  /** The turn's given-up messages that can be retried. */
  retryable: string[];
};

export type TurnStories = { read(id: string): Promise<TurnStory | undefined> };

/** How many of the newest log lines, and of the replies, are shown. */
const [mostSteps, mostReplies] = [500, 200];

export type TurnStorySources = {
  turns: Turns;
  list: TurnList;
  failed: FailedMessages;
  homes: Pick<HomeRegistry, 'suffixes'>;
};

export function createTurnStories(
  redis: Redis,
  { turns, list, failed, homes }: TurnStorySources,
): TurnStories {
  const readReplies = async (turn: string): Promise<Reply[]> => {
    const ids = await redis.lrange(keys.turnReplies(turn), 0, mostReplies - 1);
    const hashes = await Promise.all(ids.map((id) => redis.hgetall(keys.reply(id))));
    return hashes.flatMap((hash) => Reply.safeParse(hash).data ?? []);
  };
  /** The job in the queue of the home that has it, which is looked for in one command. */
  const readJob = async (id: string): Promise<Job<TurnData> | undefined> => {
    const known = await homes.suffixes();
    const place = await firstToExist(
      redis,
      known.map((home) => keys.job(`turns${home}`, id)),
    );
    const home = place === undefined ? undefined : known[place];
    return home === undefined ? undefined : await turns.queueOf(home).getJob(id);
  };
  /**
   * A turn that is not listed: a message that no turn has taken up, or a job of an earlier version.
   */
  const readUnlisted = async (id: string): Promise<Turn | undefined> => {
    const [[conversation, state, at], raw, job] = await Promise.all([
      redis.hmget(keys.message(id), 'conversation', 'state', 'at'),
      redis.get(keys.said(id)),
      readJob(id),
    ]);
    const data: Partial<TurnData> = job?.data ?? {};
    const messages: TurnPart[] = conversation
      ? [{ id, state: state ?? undefined, attempts: 0, message: readMessage(raw ?? '') }]
      : (data.messages ?? []).map((one) => toPart(one, data.conversation ?? ''));
    const [first] = messages;
    if (!first) return undefined;
    if (!conversation)
      for (const part of messages)
        part.state = (await redis.hget(keys.message(part.id), 'state')) ?? undefined;
    const known = new Set(messages.map((part) => part.state));
    return {
      id,
      conversation: conversation ?? data.conversation ?? '',
      state:
        (['working', 'waiting', 'failed', 'set aside', 'answered'] as const).find((one) =>
          known.has(one),
        ) ?? 'unknown',
      at: Date.parse(first.message?.at ?? at ?? '') || (job?.timestamp ?? Date.now()),
      home: undefined,
      dueAt: undefined,
      costUsd: 0,
      begunAt: job?.processedOn,
      settledAt: undefined,
      failure: job?.failedReason || undefined,
      next: undefined,
      messages,
      replies: [],
    };
  };
  const tell = async (turn: Turn): Promise<TurnStory> => {
    const { id, conversation, messages } = turn;
    const [job, { logs }, replies, dead, use, asked] = await Promise.all([
      readJob(id),
      turns.queueOf(await turns.homeOf(conversation)).getJobLogs(id, -mostSteps, -1, true),
      readReplies(id),
      failed.list(conversation),
      createSpend(redis).turn(id),
      redis.hget(keys.conversation(conversation), 'questions'),
    ]);
    const given = new Set(dead.map((message) => message.id));
    return {
      turn,
      replies,
      use,
      hasLog: job !== undefined,
      worker: job?.processedBy,
      steps: logs.map((line) => parseStep(line)),
      question: waitingQuestion(asked ?? undefined, id)?.text,
      retryable: messages.map((message) => message.id).filter((message) => given.has(message)),
    };
  };
  return {
    async read(id) {
      const turn = (await list.read(id)) ?? (await readUnlisted(id));
      return turn ? await tell(turn) : undefined;
    },
  };
}

/** A message as a job of an earlier version has it. */
function toPart({ id, at, text, attempts }: TurnMessage, conversation: string): TurnPart {
  const message = readMessage(JSON.stringify({ id, conversation, at, text, media: [] }));
  return { id, state: undefined, attempts, message };
}

/** Parses a log line, which begins with its time. */
export function parseStep(line: string): Step {
  const [, at, text] = /^(\d{4}-\d\d-\d\dT[\d:.]+Z) ([^]*)$/.exec(line) ?? [];
  return at === undefined || text === undefined
    ? { at: undefined, text: line }
    : { at: Date.parse(at), text };
}
