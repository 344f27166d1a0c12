/**
 * The reasons for which Twilio retries a webhook: a 4xx or 5xx answer, no connection (ct), no
 * answer in time (rt).
 */
export type RetryReason = '4xx' | '5xx' | 'ct' | 'rt';

/** How Twilio calls one webhook. Times are in milliseconds. */
export type ConnectionOverride = {
  connectMs: number;
  readMs: number;
  totalMs: number;
  retries: number;
  policy: ReadonlySet<RetryReason>;
};

const retryReasons = ['4xx', '5xx', 'ct', 'rt'] as const;

/**
 * Reads the connection overrides in a webhook's URL fragment, such as `#rc=3&rp=5xx,ct,rt`.
 * Ranges and defaults: https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides
 * @returns the URL without its fragment, which is what Twilio calls and signs, and the settings.
 * @throws RangeError when the URL is not absolute http(s) or a value is outside Twilio's range.
 */
export function parseConnectionOverride(configured: string): {
  url: string;
  override: ConnectionOverride;
} {
  const [url = '', ...fragment] = configured.split('#');
  if (!isWebAddress(url)) throw new RangeError(`"${url}" is not an absolute http or https address`);
  const keys = new URLSearchParams(fragment.join('#'));
  const override = {
    connectMs: readNumber(keys, 'ct', 100, 10_000, 5000),
    readMs: readNumber(keys, 'rt', 100, 15_000, 15_000),
    totalMs: readNumber(keys, 'tt', 100, 15_000, 15_000),
    retries: readNumber(keys, 'rc', 0, 5, 1),
    policy: readPolicy(keys.get('rp') ?? 'ct'),
  };
  return { url, override };
}

/**
 * @returns whether Twilio would take the address: absolute http(s), and no `_` in the host name,
 * which Twilio refuses.
 */
function isWebAddress(address: string): boolean {
  if (!URL.canParse(address)) return false;
  const { protocol, hostname } = new URL(address);
  return /^https?:$/.test(protocol) && !hostname.includes('_');
}

function readNumber(
  keys: URLSearchParams,
  key: string,
  least: number,
  most: number,
  preset: number,
): number {
  const text = keys.get(key) ?? undefined;
  if (text === undefined) return preset;
  const value = Number(text);
  if (text.trim() === '' || !Number.isInteger(value) || value < least || value > most) {
    throw new RangeError(`#${key} must be a whole number from ${least} to ${most}, not "${text}"`);
  }
  return value;
}

function readPolicy(text: string): ReadonlySet<RetryReason> {
  const policy = new Set<RetryReason>();
  for (const word of text.split(',')) {
    const reasons =
      word === 'all' ? retryReasons : retryReasons.filter((reason) => reason === word);
    if (reasons.length === 0)
      throw new RangeError(`#rp knows 4xx, 5xx, ct, rt and all, not "${word}"`);
    for (const reason of reasons) policy.add(reason);
  }
  return policy;
}
