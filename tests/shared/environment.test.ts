import { expect, test } from 'vitest';
import { parseRelayConfig } from '../../relay/config.ts';
import { variables } from '../../shared/runtime/env.ts';
import { parseWorkerConfig } from '../../worker/config.ts';

/** What both processes need, and nothing else. */
const complete: Record<string, string> = {
  PUBLIC_URL: 'https://pocket.example.com',
  REDIS_URL: 'redis://127.0.0.1:6379',
  TWILIO_ACCOUNT_SID: `AC${'1'.repeat(32)}`,
  TWILIO_AUTH_TOKEN: 'token',
  TWILIO_WHATSAPP_NUMBER: '+14155238886',
  ALLOWED_SENDERS: '+15551230001',
  ANTHROPIC_API_KEY: 'key',
  WAKE_SECRET: 'secret',
  SNAPSHOT_PASSWORD: 'secret',
};
const processes = { relay: parseRelayConfig, worker: parseWorkerConfig };

/** Why a process would not start, line by line; none when it would. */
function problems(
  parse: (environment: Record<string, string>) => unknown,
  change: Record<string, string>,
): string[] {
  try {
    parse({ ...complete, ...change });
    return [];
  } catch (error) {
    return error instanceof Error ? error.message.split('\n') : [];
  }
}

/** Values that somebody may leave in a variable by mistake: letters, negative, huge, and so on. */
const garbage =
  '|  |-1|0|1.5|1e309|NaN|abc|a b|loud,|{}|[1|null|http://|redis:|+1|+1555123000|~|/|\u0000|é😀|'
    .split('|')
    .concat('9'.repeat(400));
/** How a problem begins in our own words; zod's sentences begin otherwise. */
const ownWords =
  /^ {2}[A-Z_]+: (?:is missing|must (?:be|not be|name) |may have |number \d+ of \d+ )/;
const zodWords = /invalid|expected|received|too (?:small|big)|unrecognized/i;

test.each(Object.entries(processes))(
  'whatever stands in a variable, the %s says what is wrong in words of its own, without the value',
  (_name, parse) => {
    for (const variable of Object.keys(variables))
      for (const value of garbage) {
        const [heading, ...lines] = problems(parse, { [variable]: value });
        if (heading === undefined) continue;
        const isMissing = value.trim() === '';
        expect(heading).toBe(`The environment is not ${isMissing ? 'complete' : 'valid'}:`);
        expect(lines.length, `${variable}=${value}`).toBeGreaterThan(1);
        for (const line of lines.slice(0, -1)) {
          expect(line).toMatch(ownWords);
          expect(line).not.toMatch(zodWords);
        }
        const isTelling = value.trim().length > 2;
        expect(lines.filter((line) => isTelling && line.includes(value))).toEqual([]);
      }
  },
);

test('every number has an upper bound that its use bears: a timer of Node ends at once above 24.8 days', () => {
  const longest = { IDLE_MINUTES: 60_000, STOP_SECONDS: 1000, MODEL_PATIENCE_SECONDS: 1000 };
  for (const [variable, ms] of Object.entries(longest)) {
    const over = String(Math.ceil(2 ** 31 / ms));
    expect(problems(parseWorkerConfig, { [variable]: over })[1]).toMatch(/must be at most a /);
  }
});

test('what is missing and what is wrong stand under different headings, with the way to more', () => {
  expect(problems(parseRelayConfig, { PORT: 'loud', REDIS_URL: '', LOG_LEVEL: 'loud' })).toEqual([
    'The environment is not complete:',
    '  REDIS_URL: is missing',
    'The environment is not valid:',
    '  PORT: must be a number',
    '  LOG_LEVEL: must be fatal, error, warn, info, debug, trace or silent',
    'Copy .env.example to .env and fill it in. “npm run doctor” looks whether everything is there and works.',
  ]);
  expect(problems(parseWorkerConfig, { ANTHROPIC_API_KEY: '' })).toEqual([
    'The environment is not complete:',
    '  ANTHROPIC_API_KEY: is missing (or CLAUDE_CODE_OAUTH_TOKEN)',
    expect.stringContaining('.env.example'),
  ]);
  expect(problems(parseRelayConfig, { PORT: '65536' })).toEqual([
    'The environment is not valid:',
    '  PORT: must be a port from 0 to 65535',
    expect.stringContaining('docs/reference.md'),
  ]);
});

test('ALLOWED_SENDERS says which of its numbers are wrong, and shows none in full', () => {
  const list = '+15551230001, 0155 512 30077,, US.13491208655302741918 , +1555 123 0042, anna';
  const [heading, ...lines] = problems(parseRelayConfig, { ALLOWED_SENDERS: list });
  expect(heading).toBe('The environment is not valid:');
  const rule =
    'must be a phone number such as +15551234567 or a WhatsApp user id such as US.13491208655302741918';
  expect(lines.slice(0, -1)).toEqual([
    `  ALLOWED_SENDERS: number 2 of 5 (it ends in 77) ${rule}`,
    `  ALLOWED_SENDERS: number 4 of 5 (it ends in 42) ${rule}`,
    `  ALLOWED_SENDERS: number 5 of 5 ${rule}`,
  ]);
  expect(problems(parseRelayConfig, { ALLOWED_SENDERS: ' , ' })[1]).toContain(
    'must name at least one number',
  );
});
