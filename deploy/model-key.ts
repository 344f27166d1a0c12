/** What can be learned about a key for Claude without spending anything. */
export type KeyVerdict =
  | { verdict: 'good' }
  | { verdict: 'refused'; status: number }
  | { verdict: 'unknown'; reason: string };

const patience = 15_000;

/**
 * Requests the API's list of models, which needs a valid key and costs nothing
 * (https://platform.claude.com/docs/en/api/models-list). Never throws.
 * @param baseUrl the API's address, without a trailing slash.
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

/** The address of Anthropic's API. */
export const anthropicUrl = 'https://api.anthropic.com';

/**
 * Whether a text looks like the output of `claude setup-token`; only a real turn tests the token
 * itself.
 */
export const looksLikeToken = (token: string): boolean => /^sk-ant-oat\d\d-\S{20,}$/.test(token);
