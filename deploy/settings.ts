import { judgePassword, variables } from '../shared/runtime/env.ts';
import type { Role } from './names.ts';

export type VariableName = keyof typeof variables;

/** A variable that the owner provides. */
export type Setting = {
  name: VariableName;
  /** The apps that read it. */
  apps: readonly Role[];
  need: 'required' | 'optional';
  /** Does not echo the input. */
  hidden: boolean;
  question: string;
};

const both = ['relay', 'vm'] as const;

/**
 * The values to ask the owner for, or to read from the environment or `.env`. Either of the model's
 * two keys is enough.
 */
export const settings: readonly Setting[] = [
  {
    name: 'TWILIO_ACCOUNT_SID',
    apps: both,
    need: 'required',
    hidden: false,
    question: 'Twilio’s account SID (console.twilio.com, begins with AC)',
  },
  {
    name: 'TWILIO_AUTH_TOKEN',
    apps: both,
    need: 'required',
    hidden: true,
    question: 'Twilio’s auth token (beside the account SID)',
  },
  {
    name: 'TWILIO_WHATSAPP_NUMBER',
    apps: both,
    need: 'required',
    hidden: false,
    question: 'The WhatsApp number at Twilio that you will write to (the sandbox is +14155238886)',
  },
  {
    name: 'ALLOWED_SENDERS',
    apps: ['relay'],
    need: 'required',
    hidden: false,
    question:
      'Your own phone number, such as +15551234567; several with commas; a WhatsApp user id such as US.13491208655302741918 for a person whose user name hides the number. No one else gets in',
  },
  {
    name: 'ANTHROPIC_API_KEY',
    apps: ['vm'],
    need: 'required',
    hidden: true,
    question: 'An API key of Anthropic (platform.claude.com)',
  },
  {
    name: 'CLAUDE_CODE_OAUTH_TOKEN',
    apps: ['vm'],
    need: 'optional',
    hidden: true,
    question: 'A token of your Claude subscription (made by “claude setup-token”)',
  },
  {
    name: 'GITHUB_TOKEN',
    apps: ['vm'],
    need: 'optional',
    hidden: true,
    question: 'A GitHub token for the repositories Claude may work on (empty for none)',
  },
  {
    name: 'ADMIN_PASSWORD',
    apps: ['relay'],
    need: 'optional',
    hidden: true,
    question: 'A password for the dashboard',
  },
];

/** Variables that are passed on unchanged if set, and never asked for. */
export const passedOn: Partial<Record<VariableName, readonly Role[]>> = {
  TWILIO_AUTH_TOKEN_SECONDARY: ['relay'],
  TWILIO_TEMPLATE_SID: both,
  TWILIO_SANDBOX_WORDS: ['vm'],
  OWNER: ['relay'],
  ADMIN_WRITE: ['relay'],
  SENDER_LIMIT_PER_MINUTE: ['relay'],
  RETENTION_DAYS: both,
  PLACEMENT: ['relay'],
  HOME_DEAD_MINUTES: ['relay'],
  HOME_PEOPLE: ['vm'],
  KEEP_FILES_DAYS: ['vm'],
  SNAPSHOT_REPOSITORY: ['vm'],
  SNAPSHOT_PASSWORD: ['vm'],
  SNAPSHOT_KEY_ID: ['vm'],
  SNAPSHOT_KEY_SECRET: ['vm'],
  SNAPSHOT_REGION: ['vm'],
  SNAPSHOT_GIGABYTES: ['vm'],
  SNAPSHOT_FILES: ['vm'],
  ANTHROPIC_BASE_URL: ['vm'],
  ANTHROPIC_MODEL: ['vm'],
  PERMISSIONS: ['vm'],
  ANSWER_MINUTES: ['vm'],
  BACKGROUND_MINUTES: ['vm'],
  QUESTION_HOLD_MINUTES: ['vm'],
  SUGGESTIONS: ['vm'],
  CHECKPOINTS: ['vm'],
  MESSAGES_PER_TURN: ['vm'],
  BUDGET_USD_PER_TURN: ['vm'],
  BUDGET_USD_PER_DAY: ['vm'],
  BUDGET_USD_PER_MONTH: both,
  SCHEDULE_MINUTES_APART: ['vm'],
  SCHEDULE_RUNS_PER_DAY: ['vm'],
  MODEL_PRICES: ['vm'],
  MESSAGE_FEES: both,
  MAX_AGENTS: ['vm'],
  MAX_LIVE_AGENTS: ['vm'],
  AGENT_MAX_PROCESSES: ['vm'],
  TRANSCRIBE_URL: ['vm'],
  TRANSCRIBE_MODEL: ['vm'],
  TRANSCRIBE_API_KEY: ['vm'],
  SPEAK_URL: ['vm'],
  SPEAK_MODEL: ['vm'],
  SPEAK_VOICE: ['vm'],
  SPEAK_API_KEY: ['vm'],
  PRETEND_COSTS: both,
  PACE_SECONDS: both,
  PACE_BURST: both,
  MODEL_PATIENCE_SECONDS: ['vm'],
  OTEL_EXPORTER_OTLP_ENDPOINT: both,
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: both,
  OTEL_SDK_DISABLED: both,
  LOG_LEVEL: both,
};

/**
 * Variables that the deployment generates, or that the fly.*.toml files or the images set: an
 * owner's value is for another machine.
 */
export const decided: readonly VariableName[] = [
  'PORT',
  'HOST',
  'PUBLIC_URL',
  'REDIS_URL',
  'TWILIO_API_URL',
  'DATA_DIR',
  'IMAGES_DIR',
  'CHROMIUM_PATH',
  'WORKER_ID',
  'IDLE_MINUTES',
  'VM_USD_PER_HOUR',
  'IDLE_USD_PER_MONTH',
  'STOP_SECONDS',
  'WAKE_URL',
  'WAKE_SECRET',
  'WAKE_ADDRESS',
  'WAKE_HOSTS',
  'HOME_NAME',
  'AGENT_USER',
  'TRUST_PROXY',
  'TRANSCRIBE_COMMAND',
  'SPEAK_COMMAND',
];

/** The apps that read an owner's variable; empty for a variable that the deployment sets. */
export function readersOf(name: VariableName): readonly Role[] {
  return settings.find((setting) => setting.name === name)?.apps ?? passedOn[name] ?? [];
}

/**
 * What is wrong with a value, as a short clause; undefined when valid. Never contains the value.
 */
export function judgeValue(name: VariableName, value: string): string | undefined {
  const parsed = variables[name].safeParse(value);
  const weakness = name === 'ADMIN_PASSWORD' ? judgePassword(value) : undefined;
  if (weakness) return `${weakness}; take a longer one, or none, and one is made`;
  return parsed.success ? undefined : (parsed.error.issues[0]?.message ?? 'is not understood');
}
