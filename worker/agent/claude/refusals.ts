import type { SDKAssistantMessage, SDKResultMessage } from '@anthropic-ai/claude-agent-sdk';
import { z } from 'zod';
import { cut, cutLines } from '../../../shared/runtime/cut.ts';
import { AgentFailure } from '../agent-failure.ts';
import type { FailureKind } from '../agent-failure.ts';
import { visibleText } from '../visible-text.ts';

/** What Claude Code reports about a failed request, all of it optional. */
export type Refusal = {
  /** The HTTP status; a refused request has one, an unanswered request has none. */
  status?: number | undefined;
  /** The API's own error type. */
  type?: string | undefined;
  /** The SDK's error name. */
  error?: string | undefined;
  /** Claude Code's name for the cause, finer than the SDK's. */
  apiError?: string | undefined;
  /** Why Claude Code ended the work. */
  terminalReason?: string | undefined;
  /** Why the model's last message ended. */
  stopReason?: string | undefined;
  /** The words of the API, or Claude Code's own in their place. */
  words?: string | undefined;
};

/** A row applies when everything that it names applies; `from` is the least status. */
type Row = {
  kind: FailureKind;
  status?: number;
  from?: number;
  type?: string;
  error?: readonly string[];
  apiError?: readonly string[];
  terminalReason?: readonly string[];
  stopReason?: string;
  words?: RegExp;
};

/**
 * What a refusal means; the first row that applies decides. Measured with Claude Code 2.1.330 for
 * each status and text; the names in `apiError` are listed in its own schema. Claude Code calls a
 * picture, document or request that is too large or broken an `image_error`.
 */
const rows: readonly Row[] = [
  { kind: 'budget', status: 402, type: 'budget_error' },
  // Claude Code asks the model once more by itself before.
  { kind: 'declined', stopReason: 'refusal' },
  { kind: 'declined', words: /\bcontent filtering policy\b/i },
  {
    kind: 'too-long',
    terminalReason: ['prompt_too_long', 'blocking_limit', 'rapid_refill_breaker'],
  },
  { kind: 'too-long', apiError: ['message_over_context_limit', 'autocompact_thrashing'] },
  { kind: 'unreadable', terminalReason: ['image_error'] },
  { kind: 'unreadable', apiError: ['pdf_too_large', 'pdf_password_protected', 'media_removed'] },
  { kind: 'history', apiError: ['tool_history_mismatch'] },
  { kind: 'history', status: 400, words: /`(?:redacted_)?thinking`.{0,80}\bblocks?\b/s },
  { kind: 'history', status: 400, words: /\btool_(?:use|result|use_id)s?\b/ },
  { kind: 'usage-limit', status: 400, words: /\busage limits?\b|\bregain access\b/i },
  { kind: 'account-off', error: ['account_on_hold'] },
  { kind: 'account-off', apiError: ['org_disabled_credential'] },
  { kind: 'account-off', words: /\borganization has been disabled\b/i },
  { kind: 'no-credit', error: ['billing_error'] },
  { kind: 'no-credit', status: 402 },
  {
    kind: 'no-credit',
    apiError: ['model_requires_usage_credits', 'long_context_credits_required'],
  },
  { kind: 'not-allowed', apiError: ['api_key_auth_disabled', 'network_edge_blocked'] },
  {
    kind: 'signed-out',
    error: ['oauth_org_not_allowed', 'verification_required', 'cloud_credential_error'],
  },
  { kind: 'not-allowed', status: 403 },
  { kind: 'signed-out', error: ['authentication_failed'] },
  { kind: 'signed-out', status: 401 },
  { kind: 'no-model', error: ['model_not_found'] },
  { kind: 'no-model', status: 404 },
  { kind: 'unreadable', status: 413 },
  // A 429 as well, which no waiting ends.
  { kind: 'too-long', words: /\blong context (?:requests|beta)\b/i },
  { kind: 'usage-limit', error: ['rate_limit'] },
  { kind: 'usage-limit', status: 429 },
  { kind: 'overloaded', error: ['overloaded'] },
  { kind: 'overloaded', status: 529 },
  { kind: 'model-away', error: ['server_error'] },
  { kind: 'model-away', status: 408 },
  { kind: 'model-away', from: 500 },
  { kind: 'refused', error: ['invalid_request'] },
  { kind: 'refused', from: 400 },
  { kind: 'model-away', error: ['unknown'] },
];

/** Classifies a refusal by the table; `broken` when nothing in it applies. */
export function classifyRefusal(refusal: Refusal): FailureKind {
  return rows.find((row) => applies(row, refusal))?.kind ?? 'broken';
}

function applies(row: Row, refusal: Refusal): boolean {
  const { status, type, error, apiError, terminalReason, stopReason, words } = refusal;
  const isOneOf = (names: readonly string[] | undefined, name: string | undefined): boolean =>
    names === undefined || (name !== undefined && names.includes(name));
  return (
    (row.status === undefined || row.status === status) &&
    (row.from === undefined || (status !== undefined && status >= row.from)) &&
    (row.type === undefined || row.type === type) &&
    (row.stopReason === undefined || row.stopReason === stopReason) &&
    (row.words === undefined || row.words.test(words ?? '')) &&
    isOneOf(row.error, error) &&
    isOneOf(row.apiError, apiError) &&
    isOneOf(row.terminalReason, terminalReason)
  );
}

/** `2026-12-01`, with `at 00:00` or `T00:00` behind it; the API writes UTC. */
const datePattern = /\b(\d{4}-\d\d-\d\d)(?:(?:T| at | )(\d\d:\d\d)\b)?/;

/**
 * When a usage limit ends according to the API's words, as in “You will regain access on 2026-12-01
 * at 00:00 UTC”; undefined when they name no date.
 */
export function readLimitEnd(words: string): Date | undefined {
  const found = datePattern.exec(words);
  if (!found) return undefined;
  const [, day = '', time = '00:00'] = found;
  const end = new Date(`${day}T${time}:00Z`);
  return Number.isNaN(end.getTime()) ? undefined : end;
}

/** How much of a refusal's words is logged (characters). */
const mostLogged = 300;

const withoutSecrets = (words: string): string => words.replaceAll(secret, '…');

/** How much of a refusal's words is quoted (characters). */
const mostQuoted = 160;

/** What must not be quoted: keys, bearer tokens, and ids that tell the person nothing. */
const secret =
  /\b(?:sk-[\w-]+|(?:Bearer|Basic)\s+\S+|(?:req|org|msg|toolu)_\w+|A[KS]IA[A-Z0-9]{12,}|eyJ[\w-]+\.\S+|[\w+/=-]{32,})|(?<=\b(?:[\w-]*key|token|secret|password)["']?\s*[=:]\s*)[^\s,;]+|(?<=:\/\/)[^\s/@]+@/gi;

const ApiBody = z.object({ error: z.object({ message: z.string() }) });

/** The words of a refusal in short, for the person: no JSON, keys, ids, status or full stop. */
export function quoteRefusal(words: string): string {
  const [, before = '', body] = /^([^{]*)(\{.*)?$/s.exec(words) ?? [];
  const plain = (body === undefined ? undefined : messageOf(body)) ?? before;
  const said = visibleText(plain).replace(/^API Error:\s*(?:\d{3}\b)?\s*/, '');
  return cut(withoutSecrets(said).trim().replace(/\.$/, ''), mostQuoted);
}

function messageOf(json: string): string | undefined {
  try {
    const body: unknown = JSON.parse(json.slice(0, json.lastIndexOf('}') + 1));
    return ApiBody.safeParse(body).data?.error.message;
  } catch {
    return undefined;
  }
}

/** What the message that Claude Code writes in place of an answer tells about the failure. */
export type Trouble = Pick<Refusal, 'error' | 'apiError'> & { requestId: string | undefined };

/** Fields of the SDK's messages that it does not type. */
const Untyped = z.object({
  api_error: z.string().optional().catch(undefined),
  api_error_type: z.string().optional().catch(undefined),
});

/** Reads Claude Code's own message about a failed request; undefined for every other message. */
export function readTrouble(message: SDKAssistantMessage): Trouble | undefined {
  if (!message.error) return undefined;
  const apiError = Untyped.parse(message).api_error;
  return { error: message.error, apiError, requestId: message.request_id };
}

/**
 * The failure behind an unsuccessful result: `trouble` is what was reported before it, `limit` the
 * usage limit that was announced as reached (`resetsAt` in seconds since 1970).
 */
export function createFailure(
  result: Extract<SDKResultMessage, { subtype: 'success' }>,
  trouble: Trouble | undefined,
  limit: { resetsAt: number | undefined } | undefined,
): AgentFailure {
  const { result: words, api_error_status, terminal_reason: terminalReason } = result;
  const { api_error, api_error_type: type } = Untyped.parse(result);
  const status = api_error_status ?? undefined;
  const apiError = trouble?.apiError ?? api_error;
  const stopReason = result.stop_reason ?? undefined;
  const error = trouble?.error;
  const refusal = { status, type, error, apiError, terminalReason, stopReason, words };
  const kind = classifyRefusal(refusal);
  const requestId = trouble?.requestId;
  // The log and the dashboard show it.
  const logged = cutLines(withoutSecrets(words), mostLogged);
  if (kind === 'budget') return new AgentFailure(kind, logged);
  if (kind === 'refused')
    return new AgentFailure(kind, quoteRefusal(words), undefined, { status, requestId });
  // A limit that was reached before says nothing of a failure that has a cause of its own.
  const isLimit = kind === 'usage-limit' || (limit && (kind === 'broken' || kind === 'model-away'));
  if (!isLimit) return new AgentFailure(kind, logged, undefined, { status, requestId });
  const end = limit?.resetsAt === undefined ? readLimitEnd(words) : new Date(limit.resetsAt * 1000);
  return new AgentFailure('usage-limit', logged, end, { status, requestId });
}
