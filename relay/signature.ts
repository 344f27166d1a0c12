import { createHmac, timingSafeEqual } from 'node:crypto';

/** Tells whether a signature was made by Twilio for this path (with its query) and these parameters. */
export type Verifier = (pathAndQuery: string, parameters: URLSearchParams, signature: string) => boolean;

/**
 * Twilio's rule (twilio.com/docs/usage/security): base64(HMAC-SHA1(auth token, address + each name and value, sorted by name)).
 * A name that comes more than once counts with its distinct values, sorted, as Twilio's own library does it. The address is the
 * configured one, so no header of a request can change what is checked, and a wrong signature costs one HMAC for each token, like a right one.
 */
export function createVerifier(publicUrl: string, authTokens: string[]): Verifier {
  const address = new URL(publicUrl);
  address.username = '';
  address.password = '';
  const base = address.href.replace(/\/+$/, '');
  return (pathAndQuery, parameters, signature) => {
    const given = Buffer.from(signature);
    const signed = base + pathAndQuery + canonical(parameters);
    return authTokens.some((token) => {
      const expected = Buffer.from(createHmac('sha1', token).update(signed, 'utf8').digest('base64'));
      return expected.length === given.length && timingSafeEqual(expected, given);
    });
  };
}

function canonical(parameters: URLSearchParams): string {
  const values = new Map<string, string[]>();
  for (const [name, value] of parameters) {
    const known = values.get(name);
    if (!known) values.set(name, [value]);
    else if (!known.includes(value)) known.push(value);
  }
  let text = '';
  for (const name of [...values.keys()].sort()) {
    const own = values.get(name) ?? [];
    for (const value of own.length > 1 ? own.sort() : own) text += name + value;
  }
  return text;
}
