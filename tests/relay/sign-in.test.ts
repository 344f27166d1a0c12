import { createHmac, randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { createAttempts } from '../../relay/admin/sign-in-rate-limit.ts';
import { createPassword } from '../../relay/admin/password.ts';
import { parseRelayConfig } from '../../relay/config.ts';
import { runRelay } from '../../relay/relay.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import { signIn } from '../support/admin-client.ts';
import { earlyInTheMinute } from '../support/minute.ts';
import { password } from '../support/pipeline.ts';
import { withRelay } from '../support/relay-bench.ts';

const basic = (word: string): Record<string, string> => ({
  Authorization: `Basic ${Buffer.from(`anyone:${word}`).toString('base64')}`,
});
const days = 24 * 3600_000;

test('others who guess keep nobody out: the right password and the metrics answer from any other address', async () => {
  await earlyInTheMinute();
  await withRelay({ TRUST_PROXY: '1' }, async ({ relayUrl }) => {
    const ask = async (path: string, address: string, word: string): Promise<number> =>
      (await fetch(relayUrl + path, { headers: { ...basic(word), 'X-Forwarded-For': address } }))
        .status;
    for (let address = 0; address < 10; address += 1) {
      const statuses = await Promise.all(
        Array.from({ length: 11 }, (_, round) =>
          ask(round % 2 ? '/metrics' : '/admin/queues/api/queues', `203.0.113.${address}`, 'guess'),
        ),
      );
      expect(statuses.toSorted()).toEqual([...Array.from({ length: 10 }, () => 401), 429]);
    }
    expect(await ask('/metrics', '198.51.100.1', password)).toBe(200);
    expect(await ask('/admin', '198.51.100.1', password)).toBe(200);
    const form = await fetch(`${relayUrl}/admin/sign-in`, {
      method: 'POST',
      body: new URLSearchParams({ password }),
      redirect: 'manual',
      headers: { 'X-Forwarded-For': '198.51.100.2' },
    });
    expect(form.status).toBe(303);
    // An address of its own has its own ten.
    expect(await ask('/metrics', '203.0.113.1', password)).toBe(429);
  });
});

test('beyond a hundred wrong passwords in a minute the answer to a wrong one is late, to a right one never', async () => {
  let now = 60_000;
  const waits: number[] = [];
  const attempt = createAttempts(
    await createPassword('the right one'),
    () => now,
    async (ms) => void waits.push(ms),
  );
  for (let address = 0; address < 100; address += 1)
    expect(await attempt(`address ${address}`, 'guess')).toBe('wrong');
  expect(waits).toEqual([]);
  expect(await attempt('the hundred and first', 'guess')).toBe('wrong');
  expect(waits).toEqual([1000]);
  expect(await attempt('the owner', 'the right one')).toBe('right');
  expect(waits).toHaveLength(1);
  for (let round = 0; round < 10; round += 1) await attempt('one', 'guess');
  expect([
    await attempt('one', 'the right one'),
    await attempt('another', 'the right one'),
  ]).toEqual(['too many', 'right']);
  now += 60_000;
  expect(await attempt('one', 'the right one')).toBe('right');
  waits.length = 0;
  expect(await attempt('two', 'guess')).toBe('wrong');
  expect(waits).toEqual([]);
});

test('a guess is compared whole, and costs no hash that is slow on purpose', async () => {
  const { isRight } = await createPassword('pass\u0000wörd');
  expect(
    ['pass\u0000wörd', 'pass', 'pass\u0000', '', 'PASS\u0000WÖRD', 'pass\u0000wörd '].map((word) =>
      isRight(word),
    ),
  ).toEqual([true, false, false, false, false, false]);
  const before = process.cpuUsage();
  for (let round = 0; round < 500; round += 1) isRight('guess'.repeat(1000));
  const { user, system } = process.cpuUsage(before);
  // One scrypt takes 30 ms or more.
  expect((user + system) / 1000).toBeLessThan(500 * 10);
});

test('a sign-out holds after a restart, for this session and no other', async () => {
  await withRelay({}, async ({ environment, relayUrl, redis, log }) => {
    const [admin, other] = [await signIn({ relayUrl }), await signIn({ relayUrl })];
    await admin.post('/admin/sign-out', { token: await admin.token() });
    const restarted = await runRelay(parseRelayConfig({ ...environment, PORT: '0' }), log);
    try {
      for (const url of [relayUrl, restarted.url]) {
        const statuses = await Promise.all(
          [admin, other].map(
            async ({ cookie }) =>
              (
                await fetch(`${url}/admin`, {
                  headers: { Cookie: cookie, Accept: 'text/html' },
                  redirect: 'manual',
                })
              ).status,
          ),
        );
        expect(statuses).toEqual([303, 200]);
      }
    } finally {
      await restarted.stop();
    }
    // What is kept names no session, and only for as long as its cookie would hold.
    const [ended = '', until] = await redis.zrange(keys.endedSessions, '0', '-1', 'WITHSCORES');
    expect(
      Buffer.from(admin.cookie.match(/sidepocket=([^;]*)/)?.[1] ?? '', 'base64').toString(),
    ).not.toContain(ended);
    expect(Number(until) - Date.now()).toBeGreaterThan(29.9 * days);
    await redis.zadd(keys.endedSessions, Date.now() - 1, 'long ago');
    await other.post('/admin/sign-out', { token: await other.token() });
    expect(await redis.zscore(keys.endedSessions, 'long ago')).toBeNull();
    expect(await redis.zcard(keys.endedSessions)).toBe(2);
  });
});

test('a copied cookie ends after 30 days, whatever the browser was told', async () => {
  const key = (await createPassword(password)).key('session');
  const cookieOf = (ageMs: number): string => {
    const value = `sidepocket=${Buffer.from(JSON.stringify({ id: randomBytes(18).toString('base64url'), at: Date.now() - ageMs })).toString('base64')}`;
    return `${value}; sidepocket.sig=${createHmac('sha1', key).update(value).digest('base64url')}`;
  };
  await withRelay({}, async ({ relayUrl }) => {
    const open = async (cookie: string): Promise<number> =>
      (
        await fetch(`${relayUrl}/admin`, {
          headers: { Cookie: cookie, Accept: 'text/html' },
          redirect: 'manual',
        })
      ).status;
    expect(await open(cookieOf(30 * days - 60_000))).toBe(200);
    expect(await open(cookieOf(30 * days + 1000))).toBe(303);
    expect(await open(cookieOf(0).replace('.sig=', '.sig=x'))).toBe(303);
  });
});

test('a header that lists thousands of kinds of answers is not looked through', async () => {
  await withRelay({}, async ({ relayUrl }) => {
    const ask = async (accept: string): Promise<number> =>
      (await fetch(`${relayUrl}/admin`, { headers: { Accept: accept }, redirect: 'manual' }))
        .status;
    expect(await ask('text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8')).toBe(303);
    expect(await ask(`text/html,${'a/b,'.repeat(1500)}`)).toBe(401);
  });
});

test('a sign-in in gzip is not unpacked', async () => {
  await withRelay({}, async ({ relayUrl }) => {
    const response = await fetch(`${relayUrl}/admin/sign-in`, {
      method: 'POST',
      body: 'x',
      headers: { 'Content-Type': 'application/x-www-form-urlencoded', 'Content-Encoding': 'gzip' },
    });
    expect(response.status).toBe(415);
  });
});

test('a password that can be guessed is named in the log and on the overview, without what it is', async () => {
  for (const [word, isNamed] of [
    ['elevenchars', true],
    ['twelve chars', false],
  ] as const) {
    await withRelay({ ADMIN_PASSWORD: word }, async ({ relayUrl, logged }) => {
      const said = logged().filter(({ msg }) => String(msg).startsWith('ADMIN_PASSWORD'));
      expect(said.map(({ level }) => level)).toEqual(isNamed ? ['warn'] : []);
      expect(JSON.stringify(said)).not.toContain(word);
      const page = await (await fetch(`${relayUrl}/admin`, { headers: basic(word) })).text();
      expect(page.includes('under 12 characters')).toBe(isNamed);
    });
  }
});

test('a wake address without its secret is no configuration, and the complaint says how to make one', () => {
  const needed = {
    PUBLIC_URL: 'http://127.0.0.1',
    REDIS_URL: 'redis://127.0.0.1',
    TWILIO_ACCOUNT_SID: `AC${'1'.repeat(32)}`,
    TWILIO_AUTH_TOKEN: 'x',
    TWILIO_WHATSAPP_NUMBER: '+15550100000',
    ALLOWED_SENDERS: '+15551230001',
  };
  expect(() => parseRelayConfig({ ...needed, WAKE_URL: 'http://vm.flycast' })).toThrow(
    /WAKE_SECRET: .*openssl rand -hex 32/,
  );
  expect(() => parseRelayConfig({ WAKE_URL: 'http://vm.flycast' })).toThrow(
    /REDIS_URL: is missing[^]*WAKE_SECRET: is missing/,
  );
  expect(
    parseRelayConfig({ ...needed, WAKE_URL: 'http://vm.flycast', WAKE_SECRET: 'x' }).WAKE_SECRET,
  ).toBe('x');
  expect(parseRelayConfig({ ...needed, WAKE_SECRET: 'x' }).WAKE_URL).toBeUndefined();
});
