import { createDeadLetters } from '../shared/store/boxes/dead-letters.ts';
import { createDelivery } from '../shared/delivery/deliver.ts';
import { createNextDeliveries } from '../shared/store/boxes/next-delivery.ts';
import { createIntake } from '../shared/store/boxes/intake.ts';
import type { Log } from '../shared/runtime/log.ts';
import type { Messenger } from '../shared/delivery/messenger.ts';
import { createReadSnapshot } from '../shared/store/boxes/snapshot.ts';
import { createSendRate } from '../shared/store/send-rate.ts';
import { createPageStore } from '../shared/store/pages.ts';
import { createLinks } from '../shared/store/links/links.ts';
import { createSealedSecrets } from '../shared/store/links/sealed.ts';
import type { QueueName } from '../shared/store/queues.ts';
import type { Stores } from '../shared/store/stores.ts';
import { createScheduleRuns } from '../shared/store/schedule-runs.ts';
import { setAsideWords } from '../shared/store/boxes/set-aside.ts';
import { createTyping } from '../shared/delivery/typing.ts';
import { createAgentFiles } from './agent/sandbox/files.ts';
import { createWorkspaceReader } from './agent/workspace/reader.ts';
import type { Arrivals } from './turn/arrivals.ts';
import { awakeOf } from './config.ts';
import type { WorkerConfig } from './config.ts';
import { createDeliveryProcessor } from './deliveries.ts';
import type { Boot } from './process/boot.ts';
import { createMediaFetch } from '../shared/twilio/media.ts';
import { createSlots } from './turn/slots.ts';
import { progressTimes } from './progress/progress.ts';
import type { Processor } from './process/queue-worker.ts';
import type { FileReader } from './reading/file-reader.ts';
import { createAnswerWriter } from './reply/answer.ts';
import { createTickProcessor } from './schedules/processor.ts';
import { createSecretDesk } from './secrets/secret-desk.ts';
import { createTurnProcessor } from './turn/processor.ts';
import type { Thaw } from './process/thaw.ts';
import type { WorkerParts } from './worker-parts.ts';

export type ProcessorParts = {
  messenger: Messenger;
  config: WorkerConfig;
  parts: WorkerParts;
  stores: Stores;
  boot: Pick<Boot, 'agent' | 'claims' | 'secrets'>;
  arrivals: Arrivals;
  reader: FileReader;
  thaw: Pick<Thaw, 'settled'>;
  log: Log;
};

/** Creates the processor of each queue. */
export function createProcessors({
  messenger,
  config,
  parts,
  stores,
  boot,
  arrivals,
  reader,
  thaw,
  log,
}: ProcessorParts): Record<QueueName, Processor> {
  const days = config.RETENTION_DAYS;
  const { redis, turns, schedules, outbox, ledger, allowed, setAside, tellOwner } = stores;
  const scheduleLimits = {
    minutesApart: config.SCHEDULE_MINUTES_APART,
    runsPerDay: config.SCHEDULE_RUNS_PER_DAY,
  };
  const pages = createPageStore(redis, days, undefined, undefined, stores.memory);
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
    pace: createSendRate(redis, parts.pace),
    reconciling: parts.reconciling,
    now: Date.now,
  });
  const processTurn = createTurnProcessor({
    ...stores,
    agent: boot.agent,
    arrivals,
    onSetAside,
    messenger,
    reader,
    thaw,
    log,
    readSnapshot: createReadSnapshot(redis),
    agentFiles: createAgentFiles(parts.user),
    workspaces: createWorkspaceReader(parts.user),
    dataDir: config.DATA_DIR,
    publicUrl: config.PUBLIC_URL,
    silence: parts.silence,
    permissions: config.PERMISSIONS,
    answerMs: config.ANSWER_MINUTES * 60_000,
    holdMs: config.QUESTION_HOLD_MINUTES * 60_000,
    budgets: { turnUsd: config.BUDGET_USD_PER_TURN, dayUsd: config.BUDGET_USD_PER_DAY },
    scheduleLimits,
    hasTemplate: template !== undefined,
    awake: awakeOf(config),
    secrets: createSecretDesk({
      secrets: boot.secrets,
      links: createLinks(redis),
      sealed: createSealedSecrets(redis),
      publicUrl: config.PUBLIC_URL,
      shared: config.GITHUB_TOKEN === undefined ? [] : ['GITHUB_TOKEN'],
    }),
    slots: createSlots(parts.concurrency.turns),
    now: Date.now,
    addTurn: (conversation) => turns.add(conversation),
    promoteTurn: (conversation) => turns.promote(conversation),
    claim: (conversation) => boot.claims.claim(conversation),
    typing: createTyping(redis, messenger),
    pages,
    messagesPerTurn: config.MESSAGES_PER_TURN,
    writeAnswer: createAnswerWriter({ pages, publicUrl: config.PUBLIC_URL, log }),
    transcribe: parts.transcribe,
    speak: parts.speak,
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
      createNextDeliveries(redis, parts.pace, days),
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
