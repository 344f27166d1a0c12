import { randomUUID } from 'node:crypto';
import twilio from 'twilio';
import { parseConnectionOverride, type RetryReason } from './connection-override.ts';
import { postForm, type PostOutcome } from './form-post.ts';

/** One request the twin made to the product, as the product received it. */
export type DeliveryAttempt = {
  url: string;
  params: Record<string, string>;
  headers: Record<string, string>;
  /** The HTTP status of the answer; 0 when none came. */
  status: number;
  /** 1 for the first try. */
  attempt: number;
  /** ISO 8601, when the answer was complete. */
  at: string;
};

/**
 * A status callback that the twin made or that a fault dropped (then `status` is 0 and no request
 * was made).
 */
export type CallbackAttempt = DeliveryAttempt & { dropped: boolean };

/**
 * Signs a form as Twilio does and posts it, again when the URL fragment's retry policy says so. The
 * idempotency token and the signature are the same on each try; retries follow each other at once
 * and share the total time, as
 * https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides states.
 * @param configured the webhook's URL with its fragment. @param onAttempt receives every request
 * after its answer.
 * @returns the last answer. @throws RangeError when the URL or its fragment is invalid.
 */
export async function deliverSigned(
  configured: string,
  params: Record<string, string>,
  authToken: string,
  signal: AbortSignal,
  onAttempt: (attempt: DeliveryAttempt) => void,
): Promise<PostOutcome> {
  const { url, override } = parseConnectionOverride(configured);
  const headers = {
    'user-agent': 'TwilioProxy/1.1',
    'i-twilio-idempotency-token': randomUUID(),
    'x-twilio-signature': twilio.getExpectedTwilioSignature(authToken, withoutUser(url), params),
  };
  const deadline = Date.now() + override.totalMs;
  for (let attempt = 1; ; attempt += 1) {
    const left = Math.max(1, deadline - Date.now());
    const outcome = await postForm(url, params, headers, {
      connectMs: Math.min(override.connectMs, left),
      readMs: Math.min(override.readMs, left),
      signal,
    });
    onAttempt({
      url,
      params,
      headers,
      status: outcome.status,
      attempt,
      at: new Date().toISOString(),
    });
    const reason = retryReason(outcome);
    const again =
      reason !== undefined && override.policy.has(reason) && attempt <= override.retries;
    if (!again || Date.now() >= deadline || signal.aborted) return outcome;
  }
}

/** Twilio drops `user:pass@` from the URL that it signs. */
function withoutUser(url: string): string {
  return url.replace(/^(https?:\/\/)[^/?#@]*@/i, '$1');
}

function retryReason(outcome: PostOutcome): RetryReason | undefined {
  if (outcome.failure !== undefined) return outcome.failure;
  if (outcome.status >= 500) return '5xx';
  return outcome.status >= 400 ? '4xx' : undefined;
}
