import { createHash, randomBytes } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { Log } from '../../../shared/runtime/log.ts';
import type { Booking } from '../../../shared/store/model-requests.ts';

/** What pays for the model: an API key, the token of a subscription, or both. */
export type ModelKeys = {
  ANTHROPIC_API_KEY?: string | undefined;
  CLAUDE_CODE_OAUTH_TOKEN?: string | undefined;
};

/** What a session has used since its process began. */
export type SessionUse = { costUsd: number; inputTokens: number; outputTokens: number };

/**
 * One session of Claude Code at the model proxy. All that its processes ask of the model, a
 * command's `curl` included, is counted for the conversation that it is bound to, and for the turn
 * at work when there is one.
 */
export type ModelSession = {
  /** Placeholders in the variables of the keys: Claude Code's whole access to the model. */
  readonly placeholders: Record<string, string>;
  /** Says whose session it is; before that nothing it asks goes on. */
  bind(conversation: string): void;
  /** A turn begins; `timezone` is the person's (IANA name), whose day it is. */
  begin(turn: string, timezone: string | undefined): void;
  end(): void;
  used(): SessionUse;
  /**
   * Takes what Claude Code says that its work has cost since it last said so (US dollars), and
   * warns when less was counted here. More is usual: a command's requests and broken streams are in
   * no account of Claude Code's.
   */
  compare(toldUsd: number): void;
  /** Settles when what has ended of its requests is in Redis, within a few seconds in any case. */
  settled(): Promise<void>;
  /** Its placeholders are good for nothing any more. */
  close(): void;
};

/** A session as the proxy itself sees it. */
export type SessionState = {
  conversation: string | undefined;
  turn: string;
  timezone: string | undefined;
  /** Requests that were let in and have not ended. */
  underWay: number;
  used: SessionUse;
  /** Bookings on their way to Redis. */
  bookings: Set<Promise<void>>;
};

/** A session's request: what stands for the key, and what is sent in its place. */
export type Admitted = { session: SessionState; header: Credential['header']; value: string };

export type ModelSessions = {
  /** A new session of which nobody knows whose it is. */
  create(): ModelSession;
  /** Whose request it is; undefined for one that carries no placeholder of a living session. */
  find(headers: IncomingHttpHeaders): Admitted | undefined;
};

/**
 * How a key is sent (as seen with Claude Code 2.1.330, with and without ANTHROPIC_BASE_URL), and
 * the form of what stands for it.
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

/** How long Redis is waited for at the end of a turn (ms). */
const settleMs = 3000;

/**
 * Which part of what Claude Code tells, and how much of it (US dollars), may be missing before it
 * is worth a warning.
 */
const tolerated = { share: 0.1, usd: 0.01 };

export function createModelSessions(keys: ModelKeys, log: Log): ModelSessions {
  const admitted = new Map<string, Admitted>();
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
      let compared = 0;
      return {
        placeholders,
        compare(toldUsd) {
          const countedUsd = session.used.costUsd - compared;
          compared = session.used.costUsd;
          const missing = toldUsd - countedUsd;
          if (missing <= Math.max(toldUsd * tolerated.share, tolerated.usd)) return;
          log.warn(
            { toldUsd, countedUsd, conversation: session.conversation },
            'Claude Code says that its work has cost more than the model proxy has counted',
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
          const timeout = AbortSignal.timeout(settleMs);
          const tooLong = new Promise<void>((resolve) =>
            timeout.addEventListener('abort', () => resolve(), { once: true }),
          );
          await Promise.race([Promise.allSettled(session.bookings), tooLong]);
        },
        close: () => names.forEach((name) => admitted.delete(name)),
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
  };
}

/** Adds a booking's growth to what the session has used. */
export function addUse(session: SessionState, before: Booking, after: Booking): void {
  const read = ({ tokens }: Booking): number =>
    tokens.input + tokens.cacheRead + tokens.cacheWrite5m + tokens.cacheWrite1h;
  session.used.costUsd += (after.cost - before.cost) / 1e6;
  session.used.inputTokens += read(after) - read(before);
  session.used.outputTokens += after.tokens.output - before.tokens.output;
}

/** Placeholders are looked up by their digest, so that how long it takes says nothing of them. */
function nameOf(header: string, value: string): string {
  return createHash('sha256').update(`${header}: ${value}`).digest('base64');
}
