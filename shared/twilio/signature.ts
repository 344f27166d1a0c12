import { createHmac, createSecretKey } from 'node:crypto';
import { isSameSecret } from '../runtime/constant-time.ts';

/** Tells whether Twilio made a signature for this path (with its query) and these parameters. */
export type Verifier = (
  pathAndQuery: string,
  parameters: URLSearchParams,
  signature: string,
) => boolean;

/**
 * Whether a text has the form of a signature: base64 of SHA-1's 20 bytes, in canonical encoding.
 */
export function looksSigned(signature: string | string[] | undefined): signature is string {
  return typeof signature === 'string' && /^[A-Za-z0-9+/]{26}[AEIMQUYcgkosw048]=$/.test(signature);
}

/**
 * Twilio's rule (twilio.com/docs/usage/security): base64(HMAC-SHA1(auth token, address + each name
 * and value, sorted by name)). A repeated name counts with its distinct values, sorted, as in
 * Twilio's own library. The address is the configured one, so no request header can change what is
 * checked; its few spellings are computed in advance.
 */
export function createVerifier(publicUrl: string, authTokens: string[]): Verifier {
  const bases = spellings(publicUrl);
  const secrets = authTokens.map((token) => createSecretKey(token, 'utf8'));
  return (pathAndQuery, parameters, signature) => {
    const given = Buffer.from(signature);
    const rest = pathAndQuery + canonical(parameters);
    return secrets.some((secret) =>
      bases.some((base) => {
        const expected = Buffer.from(
          createHmac('sha1', secret)
            .update(base + rest, 'utf8')
            .digest('base64'),
        );
        return isSameSecret(given, expected);
      }),
    );
  };
}

/**
 * The address as configured and as a URL parser writes it, each without and with its port: Twilio
 * signs the spelling in its console, and its own library treats them all as equal. A user and
 * password in it are never signed.
 */
function spellings(publicUrl: string): string[] {
  const given = publicUrl.replace(/^(https?:\/\/)[^/]*@/i, '$1');
  const found = [given, new URL(given).href].flatMap((address) => {
    const [, scheme = '', host = '', port, path = ''] =
      /^(https?:\/\/)(\[[^\]]*\]|[^:/]*)(?::(\d+))?(.*)$/i.exec(address) ?? [];
    const base = path.replace(/(?<!\/)\/+$/, '');
    return [
      `${scheme}${host}${base}`,
      `${scheme}${host}:${port ?? (scheme.toLowerCase() === 'https://' ? 443 : 80)}${base}`,
    ];
  });
  return [...new Set(found)];
}

function canonical(parameters: URLSearchParams): string {
  let text = '';
  let [lastName, lastValue]: [string?, string?] = [];
  for (const [name, value] of [...parameters].sort(byNameAndValue)) {
    if (name === lastName && value === lastValue) continue;
    text += name + value;
    [lastName, lastValue] = [name, value];
  }
  return text;
}

function byNameAndValue(
  [name, value]: [string, string],
  [otherName, otherValue]: [string, string],
): number {
  if (name === otherName) return value < otherValue ? -1 : Number(value > otherValue);
  return name < otherName ? -1 : 1;
}
