import { createHash, randomBytes } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { Log } from '../../../shared/runtime/log.ts';
import type { Booking } from '../../../shared/store/money/model-requests.ts';
import { within } from '../../../shared/runtime/timeout.ts';

/** Credentials for the model: an API key, the token of a subscription, or both. */
export type ModelKeys = {
  ANTHROPIC_API_KEY?: string | undefined;
  CLAUDE_CODE_OAUTH_TOKEN?: string | undefined;
};

/** A session's usage since its process started. */
export type SessionUse = { costUsd: number; inputTokens: number; outputTokens: number };

/**
 * One session of Claude Code at the model proxy. All model requests of its processes, a command's
 * `curl` included, count for the conversation that it is bound to, and for the current turn if
 * there is one.
 */
export type ModelSession = {
  /** Placeholders in the key variables: Claude Code's only access to the model. */
  readonly placeholders: Record<string, string>;
  /** What its commands identify themselves with; it gives no access to the model. */
  readonly commandToken: string;
  /** Binds the session to a conversation; before that its requests are refused. */
  bind(conversation: string): void;
  /** Starts a turn; `timezone` is the person's (IANA name) and defines the day. */
  begin(turn: string, timezone: string | undefined): void;
  end(): void;
  used(): SessionUse;
  /**
   * Takes the cost that Claude Code reports since its last report (US dollars), and warns when less
   * was counted here. More is usual: Claude Code does not account for a command's requests and
   * broken streams.
   */
  compare(toldUsd: number): void;
  /** Settles when its finished requests are booked in Redis, within a few seconds in any case. */
  settled(): Promise<void>;
  /** Invalidates its placeholders. */
  close(): void;
};

/** A session's state inside the proxy. */
export type SessionState = {
  conversation: string | undefined;
  turn: string;
  timezone: string | undefined;
  /** Admitted requests that have not ended. */
  underWay: number;
  used: SessionUse;
  /** Bookings on their way to Redis. */
  bookings: Set<Promise<void>>;
};

/** A request's session, and the header and key that replace the placeholder. */
export type Admitted = { session: SessionState; header: Credential['header']; value: string };

export type ModelSessions = {
  /** Creates a session that is not bound to a conversation yet. */
  create(): ModelSession;
  /** The session of a request; undefined without the placeholder of a living session. */
  find(headers: IncomingHttpHeaders): Admitted | undefined;
  /** The living session of a command's request; undefined without its token. */
  findOfCommand(headers: IncomingHttpHeaders): SessionState | undefined;
};

/** The header of a command's token. */
const commandHeader = 'x-sidepocket-token';

/**
 * How a key is sent (as seen with Claude Code 2.1.330, with and without ANTHROPIC_BASE_URL), and
 * the prefix of its placeholder.
 */
type Credential = {
  variable: keyof ModelKeys;
  header: 'x-api-key' | 'authorization';
  scheme: string;
  form: string;
};

const credentials: readonly Credential[] = [
  { variable: 'ANTHROPIC_API_KEY', header: 'x-api-key', scheme: '', form: 'sk-ant-api03-' },
  {
    variable: 'CLAUDE_CODE_OAUTH_TOKEN',
    header: 'authorization',
    scheme: 'Bearer ',
    form: 'sk-ant-oat01-',
  },
];

/** How long the end of a turn waits for Redis (ms). */
const settleMs = 3000;

/**
 * Share and amount (US dollars) of the cost reported by Claude Code that may be missing here
 * without a warning.
 */
const tolerated = { share: 0.1, usd: 0.01 };

/**
 * The headers with which the worker itself asks the service; a token needs the beta header, as
 * Claude Code sends it (2.1.330).
 */
export function credentialOf(keys: ModelKeys): Record<string, string> {
  const found = credentials.find(({ variable }) => keys[variable]);
  if (!found) return {};
  const { variable, header, scheme } = found;
  return {
    [header]: `${scheme}${keys[variable]}`,
    ...(header === 'authorization' ? { 'anthropic-beta': 'oauth-2025-04-20' } : {}),
  };
}

export function createModelSessions(keys: ModelKeys, log: Log): ModelSessions {
  const admitted = new Map<string, Admitted>();
  const ofCommands = new Map<string, SessionState>();
  return {
    create() {
      const session: SessionState = {
        conversation: undefined,
        turn: '',
        timezone: undefined,
        underWay: 0,
        bookings: new Set(),
        used: { costUsd: 0, inputTokens: 0, outputTokens: 0 },
      };
      const placeholders: Record<string, string> = {};
      const names: string[] = [];
      for (const { variable, header, scheme, form } of credentials) {
        const key = keys[variable];
        if (!key) continue;
        const placeholder = `${form}${randomBytes(32).toString('base64url')}`;
        placeholders[variable] = placeholder;
        const name = nameOf(header, `${scheme}${placeholder}`);
        admitted.set(name, { session, header, value: `${scheme}${key}` });
        names.push(name);
      }
      const commandToken = randomBytes(32).toString('base64url');
      const commandName = nameOf(commandHeader, commandToken);
      ofCommands.set(commandName, session);
      let compared = 0;
      return {
        placeholders,
        commandToken,
        compare(toldUsd) {
          const countedUsd = session.used.costUsd - compared;
          compared = session.used.costUsd;
          const missing = toldUsd - countedUsd;
          if (missing <= Math.max(toldUsd * tolerated.share, tolerated.usd)) return;
          log.warn(
            { toldUsd, countedUsd, conversation: session.conversation },
            'Claude Code reports a higher cost than the model proxy counted',
          );
        },
        bind: (conversation) => void (session.conversation = conversation),
        begin(turn, timezone) {
          session.turn = turn;
          session.timezone = timezone;
        },
        end: () => void (session.turn = ''),
        used: () => ({ ...session.used }),
        async settled() {
          await within(settleMs, Promise.allSettled(session.bookings), () => []);
        },
        close() {
          names.forEach((name) => admitted.delete(name));
          ofCommands.delete(commandName);
        },
      };
    },
    find(headers) {
      for (const { header } of credentials) {
        const found =
          headers[header] === undefined
            ? undefined
            : admitted.get(nameOf(header, String(headers[header])));
        if (found) return found;
      }
      return undefined;
    },
    findOfCommand: (headers) =>
      ofCommands.get(nameOf(commandHeader, String(headers[commandHeader] ?? ''))),
  };
}

/** Adds the increase of a booking to the session's usage. */
export function addUse(session: SessionState, before: Booking, after: Booking): void {
  const read = ({ tokens }: Booking): number =>
    tokens.input + tokens.cacheRead + tokens.cacheWrite5m + tokens.cacheWrite1h;
  session.used.costUsd += (after.cost - before.cost) / 1e6;
  session.used.inputTokens += read(after) - read(before);
  session.used.outputTokens += after.tokens.output - before.tokens.output;
}

/** Placeholders are looked up by their digest, so that the lookup's timing reveals nothing. */
function nameOf(header: string, value: string): string {
  return createHash('sha256').update(`${header}: ${value}`).digest('base64');
}
