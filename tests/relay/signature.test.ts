import twilio from 'twilio';
import { expect, test } from 'vitest';
import { createVerifier } from '../../shared/twilio/signature.ts';
import { createRandom } from '../support/random.ts';
import type { Random } from '../support/random.ts';

const token = 'c0ffee';
const names = [
  'Body',
  'From',
  'To',
  'body',
  'A',
  'a',
  'Media[0]',
  'x[y][z]',
  'Ümlaut',
  '🐘',
  'a b',
  '',
  'Body ',
  '0',
  '10',
  '9',
] as const;
const values = [
  '',
  'hello',
  'a+b',
  ' leading and trailing ',
  '🎱 pocket',
  'x=y&z',
  '100 %',
  '%41',
  'line\nline\r\n',
  'é\u0301',
  '\u0000',
  '[]',
  '"quoted"',
  '￿',
  'ß'.repeat(300),
] as const;
const paths = [
  '/webhook',
  '/webhook/status',
  '/webhook?reply=a%20b&conversation=%2B15551230001',
  '/webhook?',
  '/webhook?q=%27',
  '/webhook?a=1&a=2',
  '/',
] as const;

/**
 * An address as configured, and the address of it that Twilio signs: without the user and password.
 */
const addresses = [
  ['https://relay.example.com', 'https://relay.example.com'],
  ['http://127.0.0.1:8080', 'http://127.0.0.1:8080'],
  ['https://relay.example.com:8443', 'https://relay.example.com:8443'],
  ['https://relay.example.com:443', 'https://relay.example.com:443'],
  ['https://Relay.Example.com', 'https://Relay.Example.com'],
  ['https://user:pass@relay.example.com', 'https://relay.example.com'],
  ['https://user:p%40ss@relay.example.com:8443', 'https://relay.example.com:8443'],
  ['http://[::1]:8080', 'http://[::1]:8080'],
  ['https://relay.example.com/below', 'https://relay.example.com/below'],
] as const;

function generate(random: Random): {
  form: URLSearchParams;
  parameters: Record<string, string | string[]>;
} {
  const form = new URLSearchParams();
  for (let left = random.below(12); left > 0; left -= 1)
    form.append(random.pick(names), random.pick(values));
  const parameters = Object.fromEntries(
    [...new Set(form.keys())].map((name) => {
      const all = form.getAll(name);
      return [name, all.length > 1 ? all : (all[0] ?? '')];
    }),
  );
  // As it arrives: through the encoding and back.
  return { form: new URLSearchParams(form.toString()), parameters };
}

test("what Twilio's SDK signs is accepted, whatever the form and the address", () => {
  const random = createRandom(1);
  for (const [configured, signed] of addresses) {
    const verify = createVerifier(configured, [token]);
    for (let round = 0; round < 60; round += 1) {
      const { form, parameters } = generate(random);
      const path = random.pick(paths);
      const signature = twilio.getExpectedTwilioSignature(token, signed + path, parameters);
      expect(twilio.validateRequest(token, signature, signed + path, parameters)).toBe(true);
      expect(verify(path, form, signature), `${configured}${path} ${form.toString()}`).toBe(true);
    }
  }
});

test("the port may be named or not, as with Twilio's SDK", () => {
  const form = new URLSearchParams({ Body: 'hello' });
  for (const [configured, signed] of [
    ['https://relay.example.com', 'https://relay.example.com:443'],
    ['https://relay.example.com:443', 'https://relay.example.com'],
    ['https://relay.example.com:8443', 'https://relay.example.com'],
    ['http://relay.example.com', 'http://relay.example.com:80'],
  ] as const) {
    const signature = twilio.getExpectedTwilioSignature(token, `${signed}/webhook`, {
      Body: 'hello',
    });
    expect(
      twilio.validateRequest(token, signature, `${configured}/webhook`, { Body: 'hello' }),
    ).toBe(true);
    expect(
      createVerifier(configured, [token])('/webhook', form, signature),
      `${signed} for ${configured}`,
    ).toBe(true);
  }
});

test("what Twilio's SDK refuses is refused: a changed token, path, query, parameter, host or signature", () => {
  const random = createRandom(2);
  const base = 'https://relay.example.com';
  const verify = createVerifier(base, [token]);
  for (let round = 0; round < 200; round += 1) {
    const { form, parameters } = generate(random);
    form.append('Body', 'hello');
    const signature = twilio.getExpectedTwilioSignature(token, `${base}/webhook`, {
      ...parameters,
      Body: form.getAll('Body'),
    });
    expect(verify('/webhook', form, signature)).toBe(true);
    const changed = new URLSearchParams(form);
    changed.append('Body', `another ${round}`);
    expect(verify('/webhook', changed, signature)).toBe(false);
    expect(verify('/webhook/status', form, signature)).toBe(false);
    expect(verify('/webhook?extra=1', form, signature)).toBe(false);
    expect(createVerifier(base, ['another token'])('/webhook', form, signature)).toBe(false);
    expect(createVerifier('https://other.example.com', [token])('/webhook', form, signature)).toBe(
      false,
    );
    expect(verify('/webhook', form, flip(signature, random.below(20)))).toBe(false);
  }
  for (const nonsense of ['', '=', 'undefined', 'a'.repeat(28), '💥'.repeat(7), 'x'.repeat(10_000)])
    expect(verify('/webhook', new URLSearchParams(), nonsense)).toBe(false);
});

/** The signature with one of its characters changed. */
function flip(signature: string, index: number): string {
  return (
    signature.slice(0, index) + (signature[index] === 'A' ? 'B' : 'A') + signature.slice(index + 1)
  );
}

test('while a token is rotated both tokens are accepted, and a third is not', () => {
  const verify = createVerifier('https://relay.example.com', ['old', 'new']);
  const signedBy = (name: string): string =>
    twilio.getExpectedTwilioSignature(name, 'https://relay.example.com/webhook', { Body: 'x' });
  const form = new URLSearchParams({ Body: 'x' });
  expect(
    [signedBy('old'), signedBy('new'), signedBy('other')].map((signature) =>
      verify('/webhook', form, signature),
    ),
  ).toEqual([true, true, false]);
  expect(createVerifier('https://relay.example.com', [])('/webhook', form, signedBy('old'))).toBe(
    false,
  );
});
