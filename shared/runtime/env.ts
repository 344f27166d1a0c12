import path from 'node:path';
import { z } from 'zod';
import { PersonAddress } from './person-address.ts';
import { parseProxyTrust } from './address-ranges.ts';
import { PhoneNumber } from './phone-number.ts';
import { SetupError } from './errors.ts';
import { MessageFeesVariable } from './prices/message-fees.ts';
import { OwnPrices } from './model-prices.ts';
import { parseJson } from './json.ts';

/** An address without its trailing slash, so that a path can be appended. */
const baseUrl = z
  .url({ protocol: /^https?$/, error: 'must be an http(s) address' })
  .transform((value) => value.replace(/(?<!\/)\/+$/, ''));

const wholeNumber = z.coerce.number('must be a number').int('must be a whole number');

const port = wholeNumber
  .min(0, 'must be a port from 0 to 65535')
  .max(65_535, 'must be a port from 0 to 65535');

const text = z.string().min(1, 'must not be empty');

/** Applies one of our parsers to the text; the message of its RangeError becomes the problem. */
function readAs<Value>(
  read: (text: string) => Value,
): (text: string, context: z.core.$RefinementCtx) => Value {
  return (text, context) => {
    try {
      return read(text);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      context.addIssue(error.message);
      return z.NEVER;
    }
  };
}

/** At most a day: a timer of Node ends at once when its time is over 24.8 days. */
const seconds = z.coerce
  .number('must be a number of seconds')
  .positive('must be more than 0')
  .max(86_400, 'must be at most a day (86400)');

const minutes = z.coerce
  .number('must be a number of minutes')
  .positive('must be more than 0')
  .max(24 * 60, 'must be at most a day (1440)');

/**
 * The addresses of a list with commas. A wrong entry is named by its place and the end of its
 * number, since the list is that of real people.
 */
function readSenders(value: string, context: z.core.$RefinementCtx): PersonAddress[] {
  const entries = value
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
  if (entries.length === 0) context.addIssue('must name at least one number, such as +15551234567');
  return entries.map((entry, index) => {
    const parsed = PersonAddress.safeParse(entry);
    if (parsed.success) return parsed.data;
    const end = /\d{2}$/.exec(entry.replaceAll(/\D/g, ''))?.[0];
    const place = `number ${index + 1} of ${entries.length}${end === undefined ? '' : ` (it ends in ${end})`}`;
    context.addIssue(`${place} ${parsed.error.issues[0]?.message}`);
    return z.NEVER;
  });
}

/**
 * The recommended minimum length of the dashboard's password (characters): it is the only
 * protection of the conversations.
 */
const shortestPassword = 12;

/** What is wrong with a dashboard password, as a short clause; undefined when acceptable. */
export function judgePassword(password: string): string | undefined {
  return [...password].length < shortestPassword
    ? `has under ${shortestPassword} characters, so that it can be guessed`
    : undefined;
}

/**
 * The schema of every variable that the system reads. A process picks the ones it uses, and checks
 * only those: what another process reads may be wrong or missing.
 */
export const variables = {
  PORT: port,
  /** The address to listen on; unset, all of the machine's, IPv6 and IPv4. */
  HOST: text,
  PUBLIC_URL: baseUrl,
  REDIS_URL: z.url({ protocol: /^rediss?$/, error: 'must be a redis:// or rediss:// address' }),
  TWILIO_ACCOUNT_SID: z
    .string()
    .regex(
      /^AC[0-9a-fA-F]{32}$/,
      'must be AC and 32 hexadecimal digits, as the Twilio console shows it',
    ),
  TWILIO_AUTH_TOKEN: text,
  /** For token rotation: webhooks signed with this token are accepted, too. */
  TWILIO_AUTH_TOKEN_SECONDARY: text,
  TWILIO_WHATSAPP_NUMBER: PhoneNumber,
  TWILIO_API_URL: baseUrl,
  /**
   * An approved template that says "an answer is waiting", for when WhatsApp's 24-hour window is
   * closed.
   */
  TWILIO_TEMPLATE_SID: z
    .string()
    .regex(/^HX[0-9a-fA-F]{32}$/, 'must be HX and 32 hexadecimal digits'),
  /** What a phone sends to join Twilio's sandbox, for invitations. */
  TWILIO_SANDBOX_WORDS: z
    .string()
    .trim()
    .regex(
      /^join [a-z]+-[a-z]+$/i,
      'must be as Twilio’s console shows it, such as join copper-fox',
    ),
  ALLOWED_SENDERS: z.string().transform(readSenders),
  /** Who receives notices that need a person; unset, the first of ALLOWED_SENDERS. */
  OWNER: PersonAddress,
  ANTHROPIC_API_KEY: text,
  CLAUDE_CODE_OAUTH_TOKEN: text,
  ANTHROPIC_BASE_URL: baseUrl,
  ANTHROPIC_MODEL: text,
  GITHUB_TOKEN: z.string().regex(/^[\w-]+$/, 'must be a token as GitHub shows it'),
  /** The user that the agent's processes run as. */
  AGENT_USER: text,
  /**
   * The limit of processes and threads for the agent's user. Claude Code has up to 15, a browser
   * about 100.
   */
  AGENT_MAX_PROCESSES: wholeNumber.min(100, 'must be at least 100'),
  DATA_DIR: z.string().transform((value) => path.resolve(value)),
  IMAGES_DIR: z.string().transform((value) => path.resolve(value)),
  ADMIN_PASSWORD: text,
  /** With 1 the dashboard may retry turns and clear finished jobs; otherwise it is read-only. */
  ADMIN_WRITE: z.enum(['0', '1'], 'must be 1 or 0').transform((value) => value === '1'),
  /**
   * The proxies in front of the relay, each of which appends an address to X-Forwarded-For: their
   * number or addresses.
   */
  TRUST_PROXY: z.string().transform(readAs(parseProxyTrust)),
  /** The rate limit for messages of one person, per minute. */
  SENDER_LIMIT_PER_MINUTE: wholeNumber.min(60, 'must be at least 60'),
  /** How long messages, replies and finished jobs are kept. */
  RETENTION_DAYS: z.coerce
    .number('must be a number of days')
    .positive('must be more than 0')
    .max(3650, 'must be at most 3650'),
  CHROMIUM_PATH: text,
  /** Names a worker across its boots; workers that run at the same time need different names. */
  WORKER_ID: z.string().regex(/^[\w.-]{1,64}$/, 'may have letters, digits, dots and dashes'),
  /** Names the home that the worker's disk is; read at the disk's first boot. */
  HOME_NAME: z
    .string()
    .regex(/^[a-z0-9-]{1,32}$/, 'may have a-z, digits and dashes, at most 32 of them'),
  /** How many people a home takes; unset, any number. */
  HOME_PEOPLE: wholeNumber.min(1, 'must be at least 1'),
  /**
   * The address at which the relay wakes this worker's machine; it must fit the relay's WAKE_HOSTS.
   */
  WAKE_ADDRESS: baseUrl,
  /** The worker exits after this time without work; unset, it never does. */
  IDLE_MINUTES: z.coerce
    .number('must be a number of minutes')
    .positive('must be more than 0')
    .max(7 * 24 * 60, 'must be at most a week (10080)'),
  /** What an hour of the worker's machine costs while it is awake. */
  VM_USD_PER_HOUR: z.coerce.number('must be a number of dollars').positive('must be more than 0'),
  /** What the relay calls to wake the first home's worker; unset, the worker is always on. */
  WAKE_URL: baseUrl,
  /** The hosts that a home's WAKE_ADDRESS may name, with commas; `*.` stands for any subdomain. */
  WAKE_HOSTS: z.string().transform((value, context) => {
    const hosts = value.split(',').map((host) => host.trim().toLowerCase());
    if (hosts.some((host) => !/^(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*$/.test(host)))
      context.addIssue('must be hosts with commas, such as *.flycast,vm.example.org');
    return hosts;
  }),
  /** When another home begins to send for one whose machine does not come up. */
  HOME_DEAD_MINUTES: minutes,
  /** How a person who writes for the first time gets a home. */
  PLACEMENT: z.enum(['shared', 'own'], 'must be shared or own'),
  WAKE_SECRET: text,
  /**
   * The send rate for one person, overriding Twilio's usual limits: seconds per message, and the
   * burst size.
   */
  PACE_SECONDS: seconds,
  PACE_BURST: wholeNumber.positive('must be more than 0'),
  /** Which actions need the person's permission, until they choose otherwise in the chat. */
  PERMISSIONS: z.enum(['ask', 'edits', 'all'], 'must be ask, edits or all'),
  /** How long a question waits for the person's answer. */
  QUESTION_HOLD_MINUTES: minutes,
  ANSWER_MINUTES: minutes,
  /** How long work that Claude leaves running in the background may last. */
  BACKGROUND_MINUTES: minutes,
  /** With 1 the person is offered a next request after an answer; each costs a model request. */
  SUGGESTIONS: z.enum(['0', '1'], 'must be 1 or 0').transform((value) => value === '1'),
  CHECKPOINTS: z.enum(['0', '1'], 'must be 1 or 0').transform((value) => value === '1'),
  /** How many messages a turn sends before the rest goes to a page. */
  MESSAGES_PER_TURN: wholeNumber.min(5, 'must be at least 5').max(1000, 'must be at most 1000'),
  /** The budget of one turn, and of a person's day, before the person is asked. */
  BUDGET_USD_PER_TURN: z.coerce
    .number('must be a number of dollars')
    .positive('must be more than 0'),
  BUDGET_USD_PER_DAY: z.coerce
    .number('must be a number of dollars')
    .positive('must be more than 0'),
  BUDGET_USD_PER_MONTH: z.coerce
    .number('must be a number of dollars')
    .positive('must be more than 0'),
  /**
   * The least time between two runs of a repeating schedule, and the most runs per person and day.
   */
  SCHEDULE_MINUTES_APART: z.coerce
    .number('must be a number of minutes')
    .int('must be a whole number')
    .min(1, 'must be at least 1')
    .max(1440, 'must be at most a day (1440)'),
  SCHEDULE_RUNS_PER_DAY: wholeNumber.min(1, 'must be at least 1').max(1440, 'must be at most 1440'),
  /** With 1 the model is not a paid one, such as a scripted one: amounts are called pretend. */
  PRETEND_COSTS: z.enum(['0', '1'], 'must be 1 or 0').transform((value) => value === '1'),
  /** Twilio's and Meta's fees, as JSON; see docs/costs.md. */
  MESSAGE_FEES: z.string().transform((value, context) => {
    const fees = MessageFeesVariable.safeParse(parseJson(value)).data;
    if (fees) return fees;
    context.addIssue({
      code: 'custom',
      message: 'must be JSON such as {"twilio":0.005,"template":0.0134}, in dollars for a message',
    });
    return z.NEVER;
  }),
  IDLE_USD_PER_MONTH: z.coerce.number('must be a number of dollars').min(0, 'must be at least 0'),
  /** What models cost, as JSON; see docs/costs.md. */
  MODEL_PRICES: z.string().transform((value, context) => {
    const prices = OwnPrices.safeParse(parseJson(value)).data;
    if (prices) return prices;
    context.addIssue({
      code: 'custom',
      message:
        'must be JSON such as {"some-model":{"input":3,"output":15}}, in dollars for a million tokens',
    });
    return z.NEVER;
  }),
  /**
   * Pictures, temporary files and files that people sent are removed after this many days without
   * use.
   */
  KEEP_FILES_DAYS: z.coerce
    .number('must be a number of days')
    .min(1, 'must be at least 1')
    .max(3650, 'must be at most 3650'),
  /**
   * Where snapshots of people's homes are stored, as restic writes it: S3 (also Tigris), restic's
   * REST server, or a directory. Each person has a repository of their own below it.
   */
  SNAPSHOT_REPOSITORY: z
    .string()
    .regex(
      /^(?:s3:[^\s:]\S*|rest:https?:\/\/[^\s/]\S*|\/\S+)$/,
      'must be s3:https://HOST/BUCKET, rest:https://HOST/PATH or an absolute path',
    )
    .transform((value) => value.replace(/(?<!\/)\/+$/, '')),
  SNAPSHOT_PASSWORD: text,
  /** For S3: the key and its secret, and the region. */
  SNAPSHOT_KEY_ID: text,
  SNAPSHOT_KEY_SECRET: text,
  SNAPSHOT_REGION: text,
  /** What a snapshot of one person has at most: gigabytes, and files. */
  SNAPSHOT_GIGABYTES: z.coerce
    .number('must be a number of gigabytes')
    .positive('must be more than 0')
    .max(1000, 'must be at most 1000'),
  SNAPSHOT_FILES: wholeNumber
    .min(1000, 'must be at least 1000')
    .max(2_000_000, 'must be at most 2000000'),
  STOP_SECONDS: seconds,
  MODEL_PATIENCE_SECONDS: seconds,
  /** How many conversations are worked on at once; unset, it depends on the machine's memory. */
  MAX_AGENTS: wholeNumber.min(1, 'must be at least 1').max(100, 'must be at most 100'),
  /**
   * How many Claude processes may live at once, active, idle and prewarmed together; an open
   * browser counts as one more. Unset, it depends on the machine's memory.
   */
  MAX_LIVE_AGENTS: wholeNumber.min(1, 'must be at least 1').max(100, 'must be at most 100'),
  /** Transcribes voice messages: an OpenAI-compatible service, or a command on this machine. */
  TRANSCRIBE_URL: baseUrl,
  TRANSCRIBE_MODEL: text,
  TRANSCRIBE_API_KEY: text,
  TRANSCRIBE_COMMAND: text,
  /** Speaks the answers to voice messages: an OpenAI-compatible service, or a command. */
  SPEAK_URL: baseUrl,
  SPEAK_MODEL: text,
  SPEAK_VOICE: text,
  SPEAK_API_KEY: text,
  SPEAK_COMMAND: text,
  /** OpenTelemetry's usual variables; without an endpoint nothing is sent. */
  OTEL_EXPORTER_OTLP_ENDPOINT: baseUrl,
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: baseUrl,
  OTEL_SDK_DISABLED: z
    .enum(['true', 'false'], 'must be true or false')
    .transform((value) => value === 'true'),
  LOG_LEVEL: z.enum(
    ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'],
    'must be fatal, error, warn, info, debug, trace or silent',
  ),
} as const;

export type Environment = Record<string, string | undefined>;

/**
 * Parses the environment by a schema. An empty variable counts as missing. Throws SetupError with
 * every problem at once, one line each, beginning with the variable's name and never containing its
 * value.
 */
export function parseEnvironment<Schema extends z.ZodType>(
  schema: Schema,
  environment: Environment,
): z.output<Schema> {
  const present = Object.fromEntries(
    Object.entries(environment).filter(([, value]) => value !== undefined && value.trim() !== ''),
  );
  const parsed = schema.safeParse(present);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => {
    const name = String(issue.path[0] ?? 'environment');
    const isKnown = name in present || issue.code === 'custom';
    return { name, problem: isKnown ? issue.message : 'is missing' };
  });
  throw new SetupError(formatProblems(problems));
}

/**
 * What is missing and what is wrong, each under its heading with one line for a problem, and where
 * to find out more.
 */
function formatProblems(problems: readonly { name: string; problem: string }[]): string {
  const list = (heading: string, isListed: (problem: string) => boolean): string[] => {
    const lines = problems
      .filter(({ problem }) => isListed(problem))
      .map(({ name, problem }) => `  ${name}: ${problem}`);
    return lines.length > 0 ? [heading, ...new Set(lines)] : [];
  };
  const isMissing = (problem: string): boolean => problem.startsWith('is missing');
  const missing = list('The environment is not complete:', isMissing);
  return [
    ...missing,
    ...list('The environment is not valid:', (problem) => !isMissing(problem)),
    missing.length > 0
      ? 'Copy .env.example to .env and fill it in. “npm run doctor” looks whether everything is there and works.'
      : 'docs/reference.md lists every variable. “npm run doctor” looks whether everything is there and works.',
  ].join('\n');
}
