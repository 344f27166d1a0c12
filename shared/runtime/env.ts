import path from 'node:path';
import { z } from 'zod';
import { PersonAddress } from './person-address.ts';
import { parseProxyTrust } from './address-ranges.ts';
import { PhoneNumber } from './phone-number.ts';
import { SetupError } from './errors.ts';
import { OwnPrices } from './model-prices.ts';

/** An address without the slash at its end, so that a path can be appended. */
const baseUrl = z
  .url({ protocol: /^https?$/, error: 'must be an http(s) address' })
  .transform((value) => value.replace(/(?<!\/)\/+$/, ''));

const port = z.coerce
  .number('must be a number')
  .int('must be a whole number')
  .min(0)
  .max(65_535, 'must be a port from 0 to 65535');

/**
 * What a reader of ours makes of the text; the message of the RangeError that it throws is the
 * problem.
 */
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

const seconds = z.coerce.number('must be a number of seconds').positive('must be more than 0');

/**
 * The dashboard's password should have at least this many characters: it is all that stands between
 * the world and what was said.
 */
export const shortestPassword = 12;

/**
 * What is wrong with a password for the dashboard, as a short clause; undefined when nothing is.
 */
export function judgePassword(password: string): string | undefined {
  return [...password].length < shortestPassword
    ? `has under ${shortestPassword} characters, so that it can be guessed`
    : undefined;
}

/**
 * The form of every variable that the system reads. A process picks the ones it uses; a variable
 * that is set but malformed is a problem for everybody, one that is missing only for who demands
 * it.
 */
export const variables = {
  PORT: port,
  /** The address to listen on; without it every one of the machine's, IPv6 and IPv4. */
  HOST: z.string().min(1),
  PUBLIC_URL: baseUrl,
  REDIS_URL: z.url({ protocol: /^rediss?$/, error: 'must be a redis:// or rediss:// address' }),
  TWILIO_ACCOUNT_SID: z
    .string()
    .regex(
      /^AC[0-9a-fA-F]{32}$/,
      'must be AC and 32 hexadecimal digits, as the Twilio console shows it',
    ),
  TWILIO_AUTH_TOKEN: z.string().min(1),
  /** While the token is changed: webhooks that are signed with this one are taken, too. */
  TWILIO_AUTH_TOKEN_SECONDARY: z.string().min(1),
  TWILIO_WHATSAPP_NUMBER: PhoneNumber,
  TWILIO_API_URL: baseUrl,
  /**
   * An approved template that says "an answer is waiting", for when WhatsApp's 24-hour window is
   * closed.
   */
  TWILIO_TEMPLATE_SID: z
    .string()
    .regex(/^HX[0-9a-fA-F]{32}$/, 'must be HX and 32 hexadecimal digits'),
  ALLOWED_SENDERS: z
    .string()
    .transform((value) =>
      value
        .split(',')
        .map((entry) => entry.trim())
        .filter((entry) => entry !== ''),
    )
    .pipe(z.array(PersonAddress).min(1, 'must name at least one number, such as +15551234567')),
  /** Who hears of what needs a person; else the first of ALLOWED_SENDERS. */
  OWNER: PersonAddress,
  ANTHROPIC_API_KEY: z.string().min(1),
  CLAUDE_CODE_OAUTH_TOKEN: z.string().min(1),
  ANTHROPIC_BASE_URL: baseUrl,
  ANTHROPIC_MODEL: z.string().min(1),
  GITHUB_TOKEN: z.string().regex(/^[\w-]+$/, 'must be a token as GitHub shows it'),
  /** The user that the agent's processes run as. */
  AGENT_USER: z.string().min(1),
  /**
   * How many processes and threads the agent's user may have at once. Claude Code has up to 15, a
   * browser about 100.
   */
  AGENT_MAX_PROCESSES: z.coerce
    .number('must be a number')
    .int('must be a whole number')
    .min(100, 'must be at least 100'),
  DATA_DIR: z.string().transform((value) => path.resolve(value)),
  IMAGES_DIR: z.string().transform((value) => path.resolve(value)),
  ADMIN_PASSWORD: z.string().min(1),
  /**
   * With 1 the dashboard may try turns again and clear finished jobs; else it is for reading only.
   */
  ADMIN_WRITE: z.enum(['0', '1'], 'must be 1 or 0').transform((value) => value === '1'),
  /**
   * The proxies in front of the relay, each of which adds an address to X-Forwarded-For: how many,
   * or which.
   */
  TRUST_PROXY: z.string().transform(readAs(parseProxyTrust)),
  /** How many messages of one person are taken in a minute. */
  SENDER_LIMIT_PER_MINUTE: z.coerce
    .number('must be a number')
    .int('must be a whole number')
    .min(60, 'must be at least 60'),
  /** How long messages, replies and finished jobs are kept. */
  RETENTION_DAYS: z.coerce
    .number('must be a number of days')
    .positive('must be more than 0')
    .max(3650, 'must be at most 3650'),
  CHROMIUM_PATH: z.string().min(1),
  /** Names a worker across its boots; two workers at the same time need different ones. */
  WORKER_ID: z.string().regex(/^[\w.-]{1,64}$/, 'may have letters, digits, dots and dashes'),
  /** The worker ends itself after this time without work; unset, it never does. */
  IDLE_MINUTES: z.coerce.number('must be a number of minutes').positive('must be more than 0'),
  /** What the relay calls to wake the worker; unset, the worker is always on. */
  WAKE_URL: baseUrl,
  WAKE_SECRET: z.string().min(1),
  /**
   * How fast one person is written to, where Twilio's usual limits do not hold: a message in so
   * many seconds, so many at once.
   */
  PACE_SECONDS: seconds,
  PACE_BURST: z.coerce
    .number('must be a number')
    .int('must be a whole number')
    .positive('must be more than 0'),
  /** What needs the person's leave, until they choose otherwise in the chat. */
  PERMISSIONS: z.enum(['ask', 'edits', 'all'], 'must be ask, edits or all'),
  /** How long a question waits for the person's answer. */
  QUESTION_HOLD_MINUTES: z.coerce
    .number('must be a number of minutes')
    .positive('must be more than 0')
    .max(24 * 60, 'must be at most a day (1440)'),
  ANSWER_MINUTES: z.coerce
    .number('must be a number of minutes')
    .positive('must be more than 0')
    .max(24 * 60, 'must be at most a day (1440)'),
  /** How many messages a turn sends before the rest goes to a page. */
  MESSAGES_PER_TURN: z.coerce
    .number('must be a number')
    .int('must be a whole number')
    .min(5, 'must be at least 5')
    .max(1000, 'must be at most 1000'),
  /** What one turn, and a person's day, may cost before the person is asked. */
  BUDGET_USD_PER_TURN: z.coerce
    .number('must be a number of dollars')
    .positive('must be more than 0'),
  BUDGET_USD_PER_DAY: z.coerce
    .number('must be a number of dollars')
    .positive('must be more than 0'),
  /**
   * The least time between two runs of a repeating schedule, and the most runs of one person's in a
   * day.
   */
  SCHEDULE_MINUTES_APART: z.coerce
    .number('must be a number of minutes')
    .int('must be a whole number')
    .min(1, 'must be at least 1')
    .max(1440, 'must be at most a day (1440)'),
  SCHEDULE_RUNS_PER_DAY: z.coerce
    .number('must be a number')
    .int('must be a whole number')
    .min(1, 'must be at least 1')
    .max(1440, 'must be at most 1440'),
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
   * After so many days without use pictures, temporary files and what people have sent are removed.
   */
  KEEP_FILES_DAYS: z.coerce
    .number('must be a number of days')
    .min(1, 'must be at least 1')
    .max(3650, 'must be at most 3650'),
  STOP_SECONDS: seconds,
  MODEL_PATIENCE_SECONDS: seconds,
  /** How many conversations are worked at once; unset, the machine's memory says. */
  MAX_AGENTS: z.coerce
    .number('must be a number')
    .int('must be a whole number')
    .min(1, 'must be at least 1')
    .max(100, 'must be at most 100'),
  /**
   * How many processes of Claude may live at once, at work, idle and spare together; an open
   * browser counts as one more. Unset, the machine's memory says.
   */
  MAX_LIVE_AGENTS: z.coerce
    .number('must be a number')
    .int('must be a whole number')
    .min(1, 'must be at least 1')
    .max(100, 'must be at most 100'),
  /** What writes voice messages down: a service as OpenAI's is, or a command on this machine. */
  TRANSCRIBE_URL: baseUrl,
  TRANSCRIBE_MODEL: z.string().min(1),
  TRANSCRIBE_API_KEY: z.string().min(1),
  TRANSCRIBE_COMMAND: z.string().min(1),
  /** OpenTelemetry's usual variables; without an address nothing is sent. */
  OTEL_EXPORTER_OTLP_ENDPOINT: baseUrl,
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: baseUrl,
  OTEL_SDK_DISABLED: z
    .enum(['true', 'false'], 'must be true or false')
    .transform((value) => value === 'true'),
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']),
} as const;

export type Environment = Record<string, string | undefined>;

/**
 * Reads the environment by a schema. An empty variable counts as missing. Throws SetupError with
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
  const lines = parsed.error.issues.map((issue) => {
    const name = String(issue.path[0] ?? 'environment');
    return `  ${name}: ${name in present || issue.code === 'custom' ? issue.message : 'is missing'}`;
  });
  throw new SetupError(`The environment is not complete:\n${[...new Set(lines)].join('\n')}`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
