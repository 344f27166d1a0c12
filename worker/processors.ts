import { createAllowed } from '../shared/allowed.ts';
import { createConversations } from '../shared/conversation.ts';
import { createDeadLetters } from '../shared/dead-letters.ts';
import { createDelivery } from '../shared/delivery.ts';
import { createDepartures } from '../shared/departures.ts';
import { createFileStore } from '../shared/file-store.ts';
import { createInbox } from '../shared/inbox.ts';
import { createIntake } from '../shared/intake.ts';
import { createLedger } from '../shared/ledger.ts';
import type { Log } from '../shared/log.ts';
import type { Messenger } from '../shared/messenger.ts';
import { createReadOpening } from '../shared/opening.ts';
import { createOutbox } from '../shared/outbox.ts';
import { createPace } from '../shared/pace.ts';
import { createPageStore } from '../shared/page-store.ts';
import type { Deliveries, QueueName, Turns } from '../shared/queues.ts';
import type { RedisMemory } from '../shared/redis-memory.ts';
import type { Redis } from '../shared/redis.ts';
import type { Schedules } from '../shared/schedules.ts';
import { createScheduleRuns } from '../shared/schedule-runs.ts';
import { createTellOwner } from '../shared/owner.ts';
import { createSetAside, setAsideWords } from '../shared/set-aside.ts';
import { createSessions } from '../shared/sessions.ts';
import { createSpend } from '../shared/spend.ts';
import { createTyping } from '../shared/typing.ts';
import type { Agent } from './agent/agent.ts';
import { createAgentFiles } from './agent/agent-files.ts';
import { createWorkspaceReader } from './agent/workspace-reader.ts';
import type { Arrivals } from './arrivals.ts';
import type { WorkerConfig } from './config.ts';
import { createDeliveryProcessor } from './deliveries.ts';
import type { LiveClaims } from './live-claims.ts';
import { createMediaFetch } from './media-fetch.ts';
import { createPlaces } from './places.ts';
import { progressTimes } from './progress.ts';
import type { Processor } from './queue-worker.ts';
import type { FileReader } from './reading/file-reader.ts';
import { createAnswerWriter } from './reply/answer.ts';
import { createTickProcessor } from './schedule-ticks.ts';
import { createTurnProcessor } from './turn.ts';
import type { Thaw } from './thaw.ts';
import type { WorkerParts } from './worker-parts.ts';

export type ProcessorParts = {
  messenger: Messenger;
  config: WorkerConfig;
  parts: WorkerParts;
  redis: Redis;
  memory: RedisMemory;
  turns: Turns;
  deliveries: Deliveries;
  schedules: Schedules;
  agent: Agent;
  claims: LiveClaims;
  arrivals: Arrivals;
  reader: FileReader;
  thaw: Pick<Thaw, 'settled'>;
  log: Log;
};

/** What works each queue's jobs. */
export function createProcessors({
  messenger,
  config,
  parts,
  redis,
  memory,
  turns,
  deliveries,
  schedules,
  agent,
  claims,
  arrivals,
  reader,
  thaw,
  log,
}: ProcessorParts): Record<QueueName, Processor> {
  const days = config.RETENTION_DAYS;
  const outbox = createOutbox(redis, deliveries, days);
  const scheduleLimits = {
    minutesApart: config.SCHEDULE_MINUTES_APART,
    runsPerDay: config.SCHEDULE_RUNS_PER_DAY,
  };
  const ledger = createLedger(redis, () => new Date(), days);
  const pages = createPageStore(redis, days, undefined, undefined, memory);
  const allowed = createAllowed(redis);
  const setAside = createSetAside(redis, turns, deliveries, schedules);
  const tellOwner = createTellOwner({ redis, outbox, log });
  const onSetAside = async (conversation: string): Promise<void> => {
    const words = setAsideWords(await setAside.counts(conversation));
    if (words !== '')
      await tellOwner(
        'removed',
        `${conversation} may not write any more. I set aside what waited: ${words}.`,
      );
  };
  const template = config.TWILIO_TEMPLATE_SID;
  const deliver = createDelivery({
    messenger,
    template,
    outbox,
    ledger,
    log,
    publicUrl: config.PUBLIC_URL,
    pace: createPace(redis, parts.pace),
    reconciling: parts.reconciling,
    now: Date.now,
  });
  const processTurn = createTurnProcessor({
    agent,
    arrivals,
    allowed,
    setAside,
    onSetAside,
    outbox,
    ledger,
    messenger,
    schedules,
    reader,
    thaw,
    log,
    readOpening: createReadOpening(redis),
    inbox: createInbox(redis, days),
    conversations: createConversations(redis),
    files: createFileStore(redis, undefined, undefined, memory),
    agentFiles: createAgentFiles(parts.user),
    workspaces: createWorkspaceReader(parts.user),
    sessions: createSessions(redis),
    spend: createSpend(redis),
    dataDir: config.DATA_DIR,
    publicUrl: config.PUBLIC_URL,
    silence: parts.silence,
    permissions: config.PERMISSIONS,
    answerMs: config.ANSWER_MINUTES * 60_000,
    holdMs: config.QUESTION_HOLD_MINUTES * 60_000,
    budgets: { turnUsd: config.BUDGET_USD_PER_TURN, dayUsd: config.BUDGET_USD_PER_DAY },
    scheduleLimits,
    hasTemplate: template !== undefined,
    idleMinutes: config.IDLE_MINUTES,
    places: createPlaces(parts.concurrency.turns),
    now: Date.now,
    addTurn: (conversation) => turns.add(conversation),
    promoteTurn: (conversation) => turns.promote(conversation),
    claim: (conversation) => claims.claim(conversation),
    typing: createTyping(redis, messenger),
    pages,
    messagesPerTurn: config.MESSAGES_PER_TURN,
    writeAnswer: createAnswerWriter({ pages, publicUrl: config.PUBLIC_URL, log }),
    transcribe: parts.transcribe,
    progress: parts.progress ?? progressTimes,
    fetchMedia: createMediaFetch({
      accountSid: config.TWILIO_ACCOUNT_SID,
      authToken: config.TWILIO_AUTH_TOKEN,
      apiUrl: config.TWILIO_API_URL ?? 'https://api.twilio.com',
      pausesMs: [500, 2000],
    }),
  });
  return {
    turns: processTurn,
    deliveries: createDeliveryProcessor(
      createDepartures(redis, parts.pace, days),
      deliver,
      Date.now,
    ),
    schedules: createTickProcessor({
      accept: createIntake(turns, days),
      allowed,
      schedules,
      onSetAside,
      dead: createDeadLetters(redis, days),
      runs: createScheduleRuns(redis),
      outbox,
      limits: scheduleLimits,
      log,
      now: Date.now,
    }),
  };
}
