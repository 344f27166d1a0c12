import { createDeadLetters } from '../shared/store/boxes/dead-letters.ts';
import { createDelivery } from '../shared/delivery/deliver.ts';
import { createNextDeliveries } from '../shared/store/boxes/next-delivery.ts';
import { createIntake } from '../shared/store/boxes/intake.ts';
import type { Log } from '../shared/runtime/log.ts';
import type { Messenger } from '../shared/delivery/messenger.ts';
import { createSnapshots } from '../shared/store/boxes/snapshot.ts';
import { createSendRate } from '../shared/store/send-rate.ts';
import { createPageStore } from '../shared/store/pages.ts';
import { createTurnRecords } from '../shared/store/turns/records.ts';
import { createWatchLinks } from './progress/watch-links.ts';
import { createLinks } from '../shared/store/links/links.ts';
import { createSealedSecrets } from '../shared/store/links/sealed.ts';
import type { QueueName } from '../shared/store/queues.ts';
import type { Stores } from '../shared/store/stores.ts';
import { createEraser } from '../shared/store/forget/erase.ts';
import { createForgetStates } from '../shared/store/forget/forget-state.ts';
import { createScheduleRuns } from '../shared/store/schedule-runs.ts';
import { tellOfSetAside } from '../shared/store/boxes/set-aside.ts';
import { createTyping } from '../shared/delivery/typing.ts';
import type { Arrivals } from './process/arrivals.ts';
import { createCheckpoints } from './checkpoints/checkpoints.ts';
import { awakeOf } from './config.ts';
import type { WorkerConfig } from './config.ts';
import { createDeliveryProcessor } from './deliveries.ts';
import type { Boot } from './process/boot.ts';
import { createMediaFetch } from '../shared/twilio/media.ts';
import type { MediaFetch } from '../shared/twilio/media.ts';
import { createThreads } from '../shared/store/turns/thread.ts';
import { createExporter } from './export/export.ts';
import { createSlots } from './process/slots.ts';
import { progressTimes } from './progress/progress.ts';
import type { Processor } from './process/queue-worker.ts';
import type { FileReader } from './reading/file-reader.ts';
import { createAnswerWriter } from './reply/answer.ts';
import { createTickProcessor } from './schedules/processor.ts';
import type { Mover } from './moving/mover.ts';
import { createSecretDesk } from './secrets/secret-desk.ts';
import type { TurnChat, TurnDeps, TurnMedia, TurnSettings, TurnStores } from './turn/deps.ts';
import { createTurnProcessor } from './turn/processor.ts';
import { createPlace } from './snapshots/place.ts';
import { createForgetting } from './forget/forget.ts';
import type { Forgetting } from './forget/forget.ts';
import type { Thaw } from './process/thaw.ts';
import type { WorkerDeps } from './worker-deps.ts';

export type ProcessorDeps = {
  messenger: Messenger;
  config: WorkerConfig;
  parts: WorkerDeps;
  stores: Stores;
  boot: Pick<
    Boot,
    | 'agent'
    | 'claims'
    | 'secrets'
    | 'personOf'
    | 'noteNames'
    | 'homes'
    | 'homeOf'
    | 'place'
    | 'snapshots'
  >;
  arrivals: Arrivals;
  reader: FileReader;
  thaw: Pick<Thaw, 'settled'>;
  /** Takes on the move of a person whose turn begins. */
  mover: Pick<Mover, 'see'>;
  log: Log;
};

/** Creates the processor of each queue. */
export function createProcessors(parts: ProcessorDeps): Record<QueueName, Processor> {
  const { config, stores } = parts;
  const { redis, outbox } = stores;
  const days = config.RETENTION_DAYS;
  const settings = settingsOf(parts);
  const deliver = createDelivery({
    messenger: parts.messenger,
    template: config.TWILIO_TEMPLATE_SID,
    outbox,
    ledger: stores.ledger,
    log: parts.log,
    publicUrl: config.PUBLIC_URL,
    sendRate: createSendRate(redis, parts.parts.sendRate),
    reconciling: parts.parts.times.reconciling,
    now: Date.now,
  });
  return {
    turns: createTurnProcessor(turnDepsOf(parts, settings)),
    deliveries: createDeliveryProcessor(
      createNextDeliveries(redis, parts.parts.sendRate, days),
      deliver,
      Date.now,
      stores.deliveries.add,
    ),
    schedules: createTickProcessor(
      { ...stores, runs: createScheduleRuns(redis), dead: createDeadLetters(redis, days) },
      {
        accept: createIntake(stores.turns, days),
        onSetAside: (conversation) => tellOfSetAside(stores, conversation),
        limits: settings.scheduleLimits,
        ownQueue: stores.schedules.queue.name,
        log: parts.log,
        now: Date.now,
      },
    ),
  };
}

/** What the configuration says about turns. */
function settingsOf({ config, parts: { times } }: ProcessorDeps): TurnSettings {
  return {
    chatNumber: {
      number: config.TWILIO_WHATSAPP_NUMBER,
      joinWords: config.TWILIO_SANDBOX_WORDS,
    },
    publicUrl: config.PUBLIC_URL,
    permissions: config.PERMISSIONS,
    messagesPerTurn: config.MESSAGES_PER_TURN,
    budgets: {
      turnUsd: config.BUDGET_USD_PER_TURN,
      dayUsd: config.BUDGET_USD_PER_DAY,
      monthUsd: config.BUDGET_USD_PER_MONTH,
    },
    scheduleLimits: {
      minutesApart: config.SCHEDULE_MINUTES_APART,
      runsPerDay: config.SCHEDULE_RUNS_PER_DAY,
    },
    hasTemplate: config.TWILIO_TEMPLATE_SID !== undefined,
    awake: awakeOf(config),
    prices: {
      fees: config.MESSAGE_FEES,
      usdPerHour: config.VM_USD_PER_HOUR,
      idleUsd: config.IDLE_USD_PER_MONTH,
      budgetUsd: config.BUDGET_USD_PER_MONTH,
    },
    times: {
      answerMs: config.ANSWER_MINUTES * 60_000,
      holdMs: config.QUESTION_HOLD_MINUTES * 60_000,
      silence: times.silence,
      progress: times.progress ?? progressTimes,
    },
  };
}

/** What a turn uses of this worker. */
function turnDepsOf(worker: ProcessorDeps, settings: TurnSettings): TurnDeps {
  const { parts, boot, arrivals, thaw, log } = worker;
  const stores = turnStoresOf(worker);
  return {
    stores,
    agent: boot.agent,
    media: turnMediaOf(worker),
    chat: turnChatOf(worker, stores.pages),
    settings,
    slots: createSlots(parts.concurrency.turns),
    arrivals,
    claims: boot.claims,
    thaw,
    log,
  };
}

function turnStoresOf(worker: ProcessorDeps): TurnStores {
  const { config, stores, boot, reader, mover, log } = worker;
  const { redis, memory, people } = stores;
  const { personOf } = boot;
  const { PUBLIC_URL: publicUrl, RETENTION_DAYS: days } = config;
  const links = createLinks(redis, Date.now, days);
  const pages = createPageStore(redis, config.RETENTION_DAYS, undefined, undefined, memory);
  const secrets = createSecretDesk({
    people,
    personOf,
    secrets: boot.secrets,
    links,
    sealed: createSealedSecrets(redis),
    publicUrl,
    shared: config.GITHUB_TOKEN === undefined ? [] : ['GITHUB_TOKEN'],
    noteNames: boot.noteNames,
  });
  return {
    ...stores,
    pages,
    ...(config.CHECKPOINTS && {
      checkpoints: createCheckpoints({
        homeOf: boot.homeOf,
        pages,
        publicUrl: config.PUBLIC_URL,
        reader,
        blankOf: async (conversation) =>
          boot.secrets.hidden.blankFor(await boot.personOf(conversation)),
        log,
      }),
    }),
    snapshots: createSnapshots(redis, boot.place.suffix),
    homeOf: boot.homeOf,
    onMoving: mover.see,
    records: createTurnRecords(redis, days, memory),
    watch: createWatchLinks({ links, stores, personOf, publicUrl }),
    secrets,
    exporter: createExporter({
      ...stores,
      threads: createThreads(redis),
      pages,
      links,
      fetchMedia: fetchMediaOf(worker),
      publicUrl,
    }),
    forgetting: forgettingOf(worker, { pages, secrets }),
  };
}

function forgettingOf(
  { stores, boot, messenger, log }: ProcessorDeps,
  { pages, secrets }: Pick<TurnStores, 'pages' | 'secrets'>,
): Forgetting {
  return createForgetting({
    stores,
    states: createForgetStates(stores.redis),
    eraser: createEraser({ ...stores, pages }),
    secrets,
    agent: boot.agent,
    homes: { of: boot.homeOf, place: createPlace(boot.homes) },
    eraseSnapshots: boot.snapshots?.erase,
    messenger,
    log,
  });
}

function fetchMediaOf({ config }: ProcessorDeps): MediaFetch {
  return createMediaFetch({
    accountSid: config.TWILIO_ACCOUNT_SID,
    authToken: config.TWILIO_AUTH_TOKEN,
    apiUrl: config.TWILIO_API_URL ?? 'https://api.twilio.com',
    pausesMs: [500, 2000],
  });
}

function turnMediaOf(worker: ProcessorDeps): TurnMedia {
  const {
    parts: { media = {} },
    reader,
  } = worker;
  return {
    fetchMedia: fetchMediaOf(worker),
    reader,
    transcribe: media.transcribe,
    speak: media.speak,
  };
}

function turnChatOf(
  { config, stores, messenger, log }: ProcessorDeps,
  pages: TurnStores['pages'],
): TurnChat {
  return {
    messenger,
    typing: createTyping(stores.redis, messenger),
    writeAnswer: createAnswerWriter({
      pages,
      publicUrl: config.PUBLIC_URL,
      days: config.RETENTION_DAYS,
      log,
    }),
  };
}
