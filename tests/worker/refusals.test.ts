import { expect, test } from 'vitest';
import { AgentFailure } from '../../worker/agent/agent-failure.ts';
import type { FailureKind } from '../../worker/agent/agent-failure.ts';
import {
  classifyRefusal,
  createFailure,
  quoteRefusal,
  readLimitEnd,
} from '../../worker/agent/claude/refusals.ts';
import type { Refusal } from '../../worker/agent/claude/refusals.ts';
import { describeFailure } from '../../worker/turn/ending/failure-sentence.ts';

const usageLimits =
  'API Error: 400 You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC.';
const thinking =
  'API Error: 400 messages.1.content.0: `thinking` or `redacted_thinking` blocks in the latest assistant message cannot be modified.';

/** As measured with Claude Code 2.1.330 behind a scripted API. */
test.each<Refusal & { kind: FailureKind }>([
  { kind: 'usage-limit', status: 400, error: 'unknown', words: usageLimits },
  {
    kind: 'account-off',
    status: 400,
    error: 'invalid_request',
    apiError: 'org_disabled_credential',
    words: 'Your ANTHROPIC_API_KEY belongs to a disabled organization',
  },
  {
    kind: 'account-off',
    status: 400,
    error: 'unknown',
    words: 'API Error: 400 This organization has been disabled.',
  },
  { kind: 'no-credit', status: 400, error: 'billing_error', words: 'Credit balance is too low' },
  { kind: 'no-credit', status: 402, error: 'unknown', words: 'API Error: 402 Payment required' },
  { kind: 'budget', status: 402, type: 'budget_error', error: 'unknown', words: 'no more' },
  { kind: 'signed-out', status: 401, error: 'authentication_failed' },
  {
    kind: 'not-allowed',
    status: 403,
    error: 'authentication_failed',
    words: 'Failed to authenticate. API Error: 403 Request not allowed',
  },
  { kind: 'no-model', status: 404, error: 'model_not_found' },
  { kind: 'unreadable', status: 413, error: 'invalid_request', terminalReason: 'image_error' },
  { kind: 'unreadable', status: 400, error: 'invalid_request', terminalReason: 'image_error' },
  { kind: 'history', status: 400, error: 'unknown', terminalReason: 'api_error', words: thinking },
  {
    kind: 'history',
    status: 400,
    error: 'invalid_request',
    apiError: 'tool_history_mismatch',
    words: 'API Error: 400 due to tool use concurrency issues.',
  },
  {
    kind: 'history',
    status: 400,
    error: 'unknown',
    words:
      'API Error: 400 messages.2: `tool_use` ids were found without `tool_result` blocks immediately after',
  },
  {
    kind: 'too-long',
    status: 400,
    error: 'invalid_request',
    terminalReason: 'prompt_too_long',
    words: 'Prompt is too long',
  },
  {
    kind: 'declined',
    error: 'invalid_request',
    terminalReason: 'api_error',
    stopReason: 'refusal',
    words: "API Error: Opus 5.5's safeguards flagged this message (https://www.anthropic.com/…).",
  },
  {
    kind: 'declined',
    status: 400,
    error: 'unknown',
    words: 'API Error: 400 Output blocked by content filtering policy',
  },
  {
    kind: 'too-long',
    status: 429,
    error: 'rate_limit',
    words: 'API Error: Request rejected (429) · Extra usage is required for long context requests.',
  },
  {
    kind: 'too-long',
    status: 400,
    error: 'unknown',
    words: 'API Error: 400 The long context beta is not yet available for this subscription.',
  },
  { kind: 'refused', status: 400, error: 'unknown', words: 'API Error: 400 max_tokens: too low' },
  { kind: 'refused', status: 400, error: 'invalid_request', words: 'Effort is not available' },
  { kind: 'usage-limit', status: 429, error: 'rate_limit' },
  { kind: 'model-away', status: 500, error: 'server_error' },
  { kind: 'overloaded', status: 529, error: 'overloaded' },
])('$status $error $apiError $terminalReason “$words” is $kind', ({ kind, ...refusal }) => {
  expect(classifyRefusal(refusal)).toBe(kind);
});

/**
 * What is known only in part: a retry names the error alone, a result may name the status alone.
 */
test.each<Refusal & { kind: FailureKind }>([
  { kind: 'overloaded', error: 'overloaded' },
  { kind: 'overloaded', status: 529 },
  { kind: 'model-away', error: 'unknown' },
  { kind: 'model-away', status: 503 },
  { kind: 'signed-out', status: 401 },
  { kind: 'signed-out', status: 403, error: 'verification_required' },
  { kind: 'not-allowed', status: 403 },
  { kind: 'account-off', error: 'account_on_hold' },
  { kind: 'usage-limit', error: 'rate_limit' },
  { kind: 'usage-limit', status: 429 },
  { kind: 'refused', status: 418 },
  { kind: 'too-long', terminalReason: 'blocking_limit' },
  { kind: 'broken' },
  { kind: 'broken', error: 'max_output_tokens', terminalReason: 'model_error' },
])('$status $error $terminalReason alone is $kind', ({ kind, ...refusal }) => {
  expect(classifyRefusal(refusal)).toBe(kind);
});

test.each([
  [usageLimits, '2026-12-01T00:00:00.000Z'],
  ['You will regain access on 2026-12-01.', '2026-12-01T00:00:00.000Z'],
  ['resets 2026-12-01T15:30:00Z', '2026-12-01T15:30:00.000Z'],
  ['You will regain access on 2026-13-01.', undefined],
  ["This request would exceed your account's rate limit.", undefined],
])('the end of the limit in “%s” is %s', (words, end) => {
  expect(readLimitEnd(words)?.toISOString()).toBe(end);
});

test.each([
  ['API Error: 400 max_tokens: must be at least 1.', 'max_tokens: must be at least 1'],
  [
    'API Error: 400 {"type":"error","error":{"type":"invalid_request_error","message":"top_p: not here"},"request_id":"req_011CQ"}',
    'top_p: not here',
  ],
  ['API Error: 400 no such thing {"type":"err', 'no such thing'],
  ['key sk-ant-api03-abc is not for req_011CQabc', 'key … is not for …'],
  ['of 7d9c1a52-5f4e-4b53-9c6d-0a1b2c3d4e5f, Bearer abc.def', 'of …, …'],
  ['{}', ''],
  [
    'API Error: 418 {"error":{"message":"\u202eno\u200b way\u2069\\n\\nx-api-key: abc, password=hunter2; AKIAABCDEFGHIJKLMNOP"}}',
    'no way x-api-key: …, password=…; …',
  ],
  [
    'at https://me:hunter2@proxy.example/v1, eyJhbGciOiJI.eyJzdWIi.c2ln',
    'at https://…proxy.example/v1, …',
  ],
  ['المفتاح sk-ant-api03-abc غير صالح', 'المفتاح … غير صالح'],
])('“%s” is quoted as “%s”', (words, quoted) => {
  expect(quoteRefusal(words)).toBe(quoted);
});

test('a quotation is short, and without one the sentence is whole', () => {
  expect(quoteRefusal('far too many words '.repeat(50)).length).toBeLessThanOrEqual(160);
  expect(describeFailure(new AgentFailure('refused', 'top_p: not here'))).toBe(
    'I could not finish this. Claude refused it: “top_p: not here”. Text “retry” and I will try again.',
  );
  expect(describeFailure(new AgentFailure('refused', ''))).toBe(
    'I could not finish this: Claude refused it. Text “retry” and I will try again.',
  );
});

test('no secret of the API’s words is in what is logged, however long they are', () => {
  const words = `API Error: 500 sk-ant-api03-key ${'far too many words '.repeat(5000)}`;
  const result = { result: words, api_error_status: 500 } as Parameters<typeof createFailure>[0];
  const { kind, message } = createFailure(result, undefined, undefined);
  expect(kind).toBe('model-away');
  expect(message.length).toBeLessThanOrEqual(300);
  expect(message).toMatch(/^API Error: 500 … far too many/);
});
