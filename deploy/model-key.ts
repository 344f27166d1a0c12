/** What can be told of a key for Claude without spending any of it. */
export type KeyVerdict =
  | { verdict: 'good' }
  | { verdict: 'refused'; status: number }
  | { verdict: 'unknown'; reason: string };

const patience = 15_000;

/**
 * Asks the API for its list of models, which needs a valid key and costs nothing
 * (https://platform.claude.com/docs/en/api/models-list). Never throws.
 * @param baseUrl where the API is, without a slash at its end.
 */
export async function checkApiKey(key: string, baseUrl: string): Promise<KeyVerdict> {
  try {
    const response = await fetch(`${baseUrl}/v1/models?limit=1`, {
      headers: { 'x-api-key': key, 'anthropic-version': '2023-06-01' },
      signal: AbortSignal.timeout(patience),
      redirect: 'manual',
    });
    await response.body?.cancel();
    if (response.ok) return { verdict: 'good' };
    if (response.status === 401 || response.status === 403)
      return { verdict: 'refused', status: response.status };
    return { verdict: 'unknown', reason: `${baseUrl} answered ${response.status}` };
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    return {
      verdict: 'unknown',
      reason: `${baseUrl} was not reached (${cause instanceof Error ? cause.message || cause.name : String(cause)})`,
    };
  }
}

/** Where Anthropic's API is. */
export const anthropicUrl = 'https://api.anthropic.com';

/**
 * Whether a text looks like what `claude setup-token` prints; the token itself is tried only by a
 * real turn.
 */
export const looksLikeToken = (token: string): boolean => /^sk-ant-oat\d\d-\S{20,}$/.test(token);
