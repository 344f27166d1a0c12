import { hostname } from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import { variables as v, parseEnvironment } from '../shared/runtime/env.ts';
import type { Environment } from '../shared/runtime/env.ts';
import { usualFees } from '../shared/runtime/prices/message-fees.ts';
import { homeNameFrom } from '../shared/store/homes/home-name.ts';
import { usualRetentionDays } from '../shared/store/redis/retention.ts';
import type { Awake } from './background/describe.ts';
import { usualMessagesPerTurn } from './tools/send-quota.ts';

const schema = z
  .object({
    PORT: v.PORT.default(8081),
    HOST: v.HOST.optional(),
    PUBLIC_URL: v.PUBLIC_URL,
    REDIS_URL: v.REDIS_URL,
    TWILIO_ACCOUNT_SID: v.TWILIO_ACCOUNT_SID,
    TWILIO_AUTH_TOKEN: v.TWILIO_AUTH_TOKEN,
    TWILIO_WHATSAPP_NUMBER: v.TWILIO_WHATSAPP_NUMBER,
    TWILIO_API_URL: v.TWILIO_API_URL.optional(),
    TWILIO_TEMPLATE_SID: v.TWILIO_TEMPLATE_SID.optional(),
    TWILIO_SANDBOX_WORDS: v.TWILIO_SANDBOX_WORDS.optional(),
    ANTHROPIC_API_KEY: v.ANTHROPIC_API_KEY.optional(),
    CLAUDE_CODE_OAUTH_TOKEN: v.CLAUDE_CODE_OAUTH_TOKEN.optional(),
    ANTHROPIC_BASE_URL: v.ANTHROPIC_BASE_URL.optional(),
    ANTHROPIC_MODEL: v.ANTHROPIC_MODEL.optional(),
    GITHUB_TOKEN: v.GITHUB_TOKEN.optional(),
    AGENT_USER: v.AGENT_USER.optional(),
    AGENT_MAX_PROCESSES: v.AGENT_MAX_PROCESSES.default(2000),
    DATA_DIR: v.DATA_DIR.default('/data'),
    IMAGES_DIR: v.IMAGES_DIR.optional(),
    CHROMIUM_PATH: v.CHROMIUM_PATH.optional(),
    PACE_SECONDS: v.PACE_SECONDS.optional(),
    PACE_BURST: v.PACE_BURST.optional(),
    RETENTION_DAYS: v.RETENTION_DAYS.default(usualRetentionDays),
    KEEP_FILES_DAYS: v.KEEP_FILES_DAYS.default(30),
    OTEL_EXPORTER_OTLP_ENDPOINT: v.OTEL_EXPORTER_OTLP_ENDPOINT.optional(),
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: v.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT.optional(),
    OTEL_SDK_DISABLED: v.OTEL_SDK_DISABLED.optional(),
    LOG_LEVEL: v.LOG_LEVEL.default('info'),
    WORKER_ID: v.WORKER_ID.optional(),
    HOME_NAME: v.HOME_NAME.optional(),
    HOME_PEOPLE: v.HOME_PEOPLE.optional(),
    WAKE_ADDRESS: v.WAKE_ADDRESS.optional(),
    FLY_MACHINE_ID: v.WORKER_ID.optional(),
    IDLE_MINUTES: v.IDLE_MINUTES.optional(),
    VM_USD_PER_HOUR: v.VM_USD_PER_HOUR.optional(),
    WAKE_SECRET: v.WAKE_SECRET.optional(),
    PERMISSIONS: v.PERMISSIONS.default('all'),
    BACKGROUND_MINUTES: v.BACKGROUND_MINUTES.default(120),
    ANSWER_MINUTES: v.ANSWER_MINUTES.default(30),
    QUESTION_HOLD_MINUTES: v.QUESTION_HOLD_MINUTES.default(3),
    SUGGESTIONS: v.SUGGESTIONS.default(false),
    CHECKPOINTS: v.CHECKPOINTS.default(true),
    MESSAGES_PER_TURN: v.MESSAGES_PER_TURN.default(usualMessagesPerTurn),
    BUDGET_USD_PER_TURN: v.BUDGET_USD_PER_TURN.optional(),
    BUDGET_USD_PER_DAY: v.BUDGET_USD_PER_DAY.optional(),
    BUDGET_USD_PER_MONTH: v.BUDGET_USD_PER_MONTH.optional(),
    SCHEDULE_MINUTES_APART: v.SCHEDULE_MINUTES_APART.default(15),
    // Enough for a schedule every quarter of an hour, day and night, and a few others.
    SCHEDULE_RUNS_PER_DAY: v.SCHEDULE_RUNS_PER_DAY.default(100),
    MODEL_PRICES: v.MODEL_PRICES.optional(),
    MESSAGE_FEES: v.MESSAGE_FEES.default(usualFees),
    IDLE_USD_PER_MONTH: v.IDLE_USD_PER_MONTH.optional(),
    PRETEND_COSTS: v.PRETEND_COSTS.default(false),
    SNAPSHOT_REPOSITORY: v.SNAPSHOT_REPOSITORY.optional(),
    SNAPSHOT_PASSWORD: v.SNAPSHOT_PASSWORD.optional(),
    SNAPSHOT_KEY_ID: v.SNAPSHOT_KEY_ID.optional(),
    SNAPSHOT_KEY_SECRET: v.SNAPSHOT_KEY_SECRET.optional(),
    SNAPSHOT_REGION: v.SNAPSHOT_REGION.optional(),
    SNAPSHOT_GIGABYTES: v.SNAPSHOT_GIGABYTES.default(10),
    SNAPSHOT_FILES: v.SNAPSHOT_FILES.default(200_000),
    STOP_SECONDS: v.STOP_SECONDS.default(10),
    MODEL_PATIENCE_SECONDS: v.MODEL_PATIENCE_SECONDS.default(120),
    MAX_AGENTS: v.MAX_AGENTS.optional(),
    MAX_LIVE_AGENTS: v.MAX_LIVE_AGENTS.optional(),
    TRANSCRIBE_URL: v.TRANSCRIBE_URL.optional(),
    TRANSCRIBE_MODEL: v.TRANSCRIBE_MODEL.default('whisper-1'),
    TRANSCRIBE_API_KEY: v.TRANSCRIBE_API_KEY.optional(),
    TRANSCRIBE_COMMAND: v.TRANSCRIBE_COMMAND.optional(),
    SPEAK_URL: v.SPEAK_URL.optional(),
    SPEAK_MODEL: v.SPEAK_MODEL.default('tts-1'),
    SPEAK_VOICE: v.SPEAK_VOICE.default('alloy'),
    SPEAK_API_KEY: v.SPEAK_API_KEY.optional(),
    SPEAK_COMMAND: v.SPEAK_COMMAND.optional(),
  })
  .refine(
    (env) => env.ANTHROPIC_API_KEY !== undefined || env.CLAUDE_CODE_OAUTH_TOKEN !== undefined,
    {
      path: ['ANTHROPIC_API_KEY'],
      message: 'is missing (or CLAUDE_CODE_OAUTH_TOKEN)',
      // Reported together with the other problems, not after them.
      when: () => true,
    },
  )
  .refine((env) => env.TRANSCRIBE_URL === undefined || env.TRANSCRIBE_COMMAND === undefined, {
    path: ['TRANSCRIBE_COMMAND'],
    message: 'cannot be set together with TRANSCRIBE_URL',
    when: () => true,
  })
  .refine((env) => env.SPEAK_URL === undefined || env.SPEAK_COMMAND === undefined, {
    path: ['SPEAK_COMMAND'],
    message: 'cannot be set together with SPEAK_URL',
    when: () => true,
  })
  .refine((env) => env.SNAPSHOT_REPOSITORY === undefined || env.SNAPSHOT_PASSWORD !== undefined, {
    path: ['SNAPSHOT_PASSWORD'],
    message:
      'is missing, and SNAPSHOT_REPOSITORY is set: it encrypts the snapshots, and nothing can read them without it. Make one with “openssl rand -hex 32” and keep a copy elsewhere',
    when: () => true,
  })
  .refine(
    ({ SNAPSHOT_REPOSITORY: repository, DATA_DIR }) =>
      repository === undefined || !`${repository}/`.startsWith(`${DATA_DIR}/`),
    {
      path: ['SNAPSHOT_REPOSITORY'],
      message: 'must not be in DATA_DIR, whose loss it is for',
      when: () => true,
    },
  )
  .transform((env) => ({
    ...env,
    IMAGES_DIR: env.IMAGES_DIR ?? path.join(env.DATA_DIR, 'images'),
    WORKER_ID: env.WORKER_ID ?? env.FLY_MACHINE_ID ?? hostname(),
    homeNames: {
      asked: env.HOME_NAME,
      worker: env.WORKER_ID === undefined ? undefined : homeNameFrom(env.WORKER_ID),
      machine: homeNameFrom(env.FLY_MACHINE_ID ?? hostname()),
    },
  }));

export type WorkerConfig = z.output<typeof schema>;

/**
 * Parses the worker's configuration from the environment. Throws SetupError that names every
 * problem.
 */
export function parseWorkerConfig(environment: Environment): WorkerConfig {
  return parseEnvironment(schema, environment);
}

/** What work in the background costs; undefined when the computer is always on. */
export function awakeOf({
  IDLE_MINUTES,
  VM_USD_PER_HOUR,
}: Pick<WorkerConfig, 'IDLE_MINUTES' | 'VM_USD_PER_HOUR'>): Awake {
  return IDLE_MINUTES === undefined
    ? undefined
    : { idleMinutes: IDLE_MINUTES, usdPerHour: VM_USD_PER_HOUR };
}
