import { execFile } from 'node:child_process';
import { AxiosError, AxiosHeaders } from 'axios';
import { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { reportError } from '../../shared/runtime/errors.ts';
import { createLog } from '../../shared/runtime/log.ts';
import { createTwilioMessenger } from '../../shared/twilio/messenger.ts';
import { withRedis } from '../support/redis.ts';
import { until } from '../support/until.ts';

/** What logging something writes. */
function written(fields: Record<string, unknown>): string {
  let text = '';
  createLog('test', 'trace', { write: (line) => void (text += line) }).error(
    fields,
    'something went wrong',
  );
  return text;
}

test('an error of the HTTP client is logged without its request', () => {
  const config = {
    headers: new AxiosHeaders({ Authorization: 'Basic c2VjcmV0' }),
    data: 'Body=private',
    url: 'https://api.twilio.com',
  };
  const error = new AxiosError('socket hang up', 'ECONNRESET', config, {
    _header: 'Authorization: Basic c2VjcmV0',
  });
  for (const name of ['err', 'error']) {
    const text = written({ [name]: error });
    expect(text).toContain('ECONNRESET');
    expect(text).toContain('socket hang up');
    expect(text).not.toMatch(/c2VjcmV0|Authorization|private/);
  }
});

test("an error of Redis is logged without the command's arguments", async () => {
  await withRedis(async (redis) => {
    await redis.set('{sidepocket}:text', 'x');
    const error: unknown = await redis
      .lpush('{sidepocket}:text', 'private words')
      .catch((thrown: unknown) => thrown);
    expect(JSON.stringify(error)).toContain('private words');
    const text = written({ err: error });
    expect(text).toContain('WRONGTYPE');
    expect(text).not.toContain('private words');
  });
});

test('a password in the address of Redis does not reach the log when it is away', async () => {
  let reported: unknown;
  const redis = new Redis('redis://user:topsecret@127.0.0.1:1', {
    lazyConnect: true,
    retryStrategy: () => null,
  });
  redis.on('error', (error) => (reported = error));
  await redis.connect().catch(() => undefined);
  expect(await until('the error', () => written({ err: reported }).includes('ECONNREFUSED'))).toBe(
    true,
  );
  expect(written({ err: reported })).not.toContain('topsecret');
  redis.disconnect();
});

test('what the messenger throws holds neither the token nor the text', async () => {
  const account = {
    accountSid: `AC${'1'.repeat(32)}`,
    authToken: 'topsecret',
    number: '+15550100000',
    apiUrl: 'http://127.0.0.1:1',
  };
  const messenger = createTwilioMessenger(account, createLog('test', 'silent'));
  const failure: unknown = await messenger
    .send({ to: '+15551230001', text: 'private words', statusCallback: 'http://127.0.0.1:1/' })
    .catch((thrown: unknown) => thrown);
  expect(failure).toBeInstanceOf(Error);
  const basic = Buffer.from(`${account.accountSid}:${account.authToken}`).toString('base64');
  for (const text of [
    JSON.stringify(failure),
    String(failure),
    (failure as Error).stack ?? '',
    written({ err: failure, failure }),
  ]) {
    expect(text).not.toContain('topsecret');
    expect(text).not.toContain('private words');
    expect(text).not.toContain(basic);
  }
});

test('phone numbers are masked', () => {
  const text = written({
    conversation: '+15551230001',
    from: 'whatsapp:+15551230001',
    to: '+15551230001',
  });
  expect(text).not.toContain('5551230001');
  expect(JSON.parse(text)).toMatchObject({
    conversation: '+1…01',
    from: 'whatsapp:+1…01',
    to: '+1…01',
  });
});

test('anything thrown has a report, and it is short', () => {
  expect(reportError(new TypeError('x'.repeat(1000)))).toEqual({
    name: 'TypeError',
    message: 'x'.repeat(300),
  });
  expect(reportError(Object.assign(new Error('x'), { code: 20003 }))).toEqual({
    name: 'Error',
    message: 'x',
    code: '20003',
  });
  expect(reportError('only words')).toEqual({ name: 'Error', message: 'only words' });
  expect(reportError(undefined)).toEqual({ name: 'Error', message: 'undefined' });
  expect(reportError({ secret: 'topsecret' }).message).not.toContain('topsecret');
});

test('a number is masked wherever in the line it is', () => {
  const text = written({
    turn: 'schedule-15551230001-1-1',
    nested: { from: '+15551230001' },
    list: ['whatsapp:+15551230001'],
    err: new Error(
      'GET /webhook/status?conversation=%2B15551230001 in /data/workspaces/15551230001/x',
    ),
  });
  expect(text).not.toContain('5551230001');
  expect(JSON.parse(text)).toMatchObject({ turn: 'schedule-15…01-1-1', nested: { from: '+1…01' } });
  let line = '';
  createLog('test', 'trace', { write: (written) => void (line += written) })
    .child({ to: '+15551230001' })
    .info('for +15551230001');
  expect(JSON.parse(line)).toMatchObject({ to: '+1…01', msg: 'for +1…01' });
});

test('what somebody said and what opens a door is left out, should it ever be logged', () => {
  const text = written({
    text: 'private words',
    message: { Body: 'private words', text: 'private words' },
    request: { headers: { authorization: 'Basic c2VjcmV0' } },
    password: 'topsecret',
  });
  expect(text).not.toMatch(/private|c2VjcmV0|topsecret/);
});

test('an error of a parser or of Redis does not quote what it was given', async () => {
  for (const input of ['private words', '{"a": private}', 'private']) {
    let thrown: unknown;
    try {
      JSON.parse(input);
    } catch (error) {
      thrown = error;
    }
    expect(written({ err: thrown })).toContain('is not valid JSON');
    expect(written({ err: thrown })).not.toContain('private');
  }
  await withRedis(async (redis) => {
    const error: unknown = await redis
      .call('nonsense', 'private words')
      .catch((thrown: unknown) => thrown);
    expect(String(error)).toContain('private words');
    expect(written({ err: error })).not.toContain('private words');
  });
});

test('what is logged right before the process exits is written, too', async () => {
  const program = `const { createLog } = await import(${JSON.stringify(new URL('../../shared/runtime/log.ts', import.meta.url).href)}); const log = createLog('test', 'info'); log.info('first'); log.info('last'); process.exit(3);`;
  const { code, output } = await new Promise<{
    code: number | string | null | undefined;
    output: string;
  }>((resolve) => {
    execFile(process.execPath, ['--input-type=module', '--eval', program], (error, output) =>
      resolve({ code: error?.code, output }),
    );
  });
  expect(code).toBe(3);
  expect(
    output
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).msg),
  ).toEqual(['first', 'last']);
});

test('fields that hold what somebody said or a secret are crossed out, at the top and one level below, and the object itself stays as it was', () => {
  const fields = {
    turn: 'x',
    text: 'private words',
    of: { body: 'private words', kept: 1 },
    password: 'topsecret',
  };
  const text = written(fields);
  expect(JSON.parse(text)).toMatchObject({
    turn: 'x',
    text: '…',
    of: { body: '…', kept: 1 },
    password: '…',
  });
  expect(fields.of.body).toBe('private words');
});
