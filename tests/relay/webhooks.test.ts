import { expect, test } from 'vitest';
import { keys, prefix } from '../../shared/store/redis/keys.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import { phone, stranger } from '../support/pipeline.ts';
import {
  messageForm,
  newSid,
  signatureFor,
  statusForm,
  withRelay,
} from '../support/relay-bench.ts';
import type { RelayBench } from '../support/relay-bench.ts';
import { until } from '../support/until.ts';

const empty = '<?xml version="1.0" encoding="UTF-8"?><Response/>';

/** What the relay writes when it is ready. */
const ownKeys = new Set<string>([keys.allowed, keys.dashboard]);

/** The names of everything else that is stored, sorted. */
const stored = async (redis: Redis): Promise<string[]> =>
  (await redis.keys('*')).filter((key) => !ownKeys.has(key)).toSorted();

test('an accepted message is stored with its turn and answered with empty TwiML', async () => {
  await withRelay({}, async ({ post, redis }) => {
    const form = messageForm({ Body: 'a+b 🎱 ' });
    const response = await post('/webhook', form);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toMatch(/^text\/xml/);
    expect(await response.text()).toBe(empty);
    expect(
      (await redis.lrange(keys.inbox(phone), 0, -1)).map((raw) => JSON.parse(raw).text),
    ).toEqual(['a+b 🎱 ']);
    expect(await redis.hgetall(keys.message(form['MessageSid'] ?? ''))).toMatchObject({
      conversation: phone,
      state: 'waiting',
    });
    expect(await redis.lrange(`${prefix}:turns:wait`, 0, -1)).toEqual([form['MessageSid']]);
    expect(await redis.ttl(keys.message(form['MessageSid'] ?? ''))).toBeGreaterThan(7 * 24 * 3600);
  });
});

test('without a signature, with a wrong one or one for another path it is 403 and nothing is stored', async () => {
  await withRelay({}, async ({ post, redis, environment, relayUrl, say }) => {
    await say('so that the queue has its own keys');
    const before = await stored(redis);
    const form = messageForm();
    const refused = async (path: string, headers: Record<string, string>): Promise<number> =>
      (await post(path, form, headers)).status;
    expect(await refused('/webhook', { 'X-Twilio-Signature': '' })).toBe(403);
    expect(
      await refused('/webhook', { 'X-Twilio-Signature': 'AAAAAAAAAAAAAAAAAAAAAAAAAAA=' }),
    ).toBe(403);
    expect(
      await refused('/webhook', {
        'X-Twilio-Signature': signatureFor(environment, '/webhook/status', form),
      }),
    ).toBe(403);
    expect(
      await refused('/webhook', {
        'X-Twilio-Signature': signatureFor(environment, '/webhook', { ...form, Body: 'other' }),
      }),
    ).toBe(403);
    expect(
      await refused('/webhook?a=1', {
        'X-Twilio-Signature': signatureFor(environment, '/webhook', form),
      }),
    ).toBe(403);
    expect(
      await refused('/webhook', {
        'X-Twilio-Signature': signatureFor(
          { ...environment, TWILIO_AUTH_TOKEN: 'other' },
          '/webhook',
          form,
        ),
      }),
    ).toBe(403);
    const body = new URLSearchParams(form).toString();
    const unsigned = await fetch(`${relayUrl}/webhook`, {
      method: 'POST',
      body,
      headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    });
    expect(unsigned.status).toBe(403);
    expect(await refused('/webhook/status', { 'X-Twilio-Signature': 'nonsense' })).toBe(403);
    expect(await stored(redis)).toEqual(before);
    expect((await post('/webhook', form)).status).toBe(200);
  });
});

test('a host header changes nothing about what is checked', async () => {
  await withRelay({}, async ({ post }) => {
    expect(
      (
        await post('/webhook', messageForm(), {
          'X-Forwarded-Host': 'evil.example',
          'X-Forwarded-Proto': 'https',
        })
      ).status,
    ).toBe(200);
  });
});

test('a stranger gets 200, nothing is stored, and one line with a masked number is logged', async () => {
  await withRelay({}, async ({ post, redis, logged }) => {
    const before = await stored(redis);
    const response = await post('/webhook', messageForm({ From: `whatsapp:${stranger}` }));
    expect([response.status, await response.text()]).toEqual([200, empty]);
    expect(response.headers.get('content-type')).toMatch(/^text\/xml/);
    expect(await stored(redis)).toEqual(before);
    const lines = logged().filter((line) => line['from'] !== undefined);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({ level: 'warn', from: '+1…99' });
    expect(JSON.stringify(logged())).not.toContain(stranger.slice(1));
  });
});

test('the same message 20 times at once is one message with one answer', async () => {
  await withRelay({}, async ({ post, redis, startWorker, replies }) => {
    const form = messageForm({ Body: 'once' });
    const statuses = await Promise.all(
      Array.from({ length: 20 }, async () => (await post('/webhook', form)).status),
    );
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(await redis.llen(keys.inbox(phone))).toBe(1);
    await startWorker();
    await until('the answer', () => replies().length > 0);
    await Promise.all(Array.from({ length: 20 }, () => post('/webhook', form)));
    await until(
      'an idle queue',
      async () =>
        (await redis.llen(`${prefix}:turns:wait`)) +
          (await redis.llen(`${prefix}:turns:active`)) ===
        0,
    );
    expect(replies().map((reply) => reply.text)).toEqual(['answer to once']);
    expect(await redis.zcard(`${prefix}:turns:completed`)).toBe(1);
  });
});

test('of two faults the first of 415, 413, 403, 400 is answered', async () => {
  await withRelay({}, async ({ post, redis, relayUrl }) => {
    const before = await stored(redis);
    const large = { ...messageForm(), Body: 'x'.repeat(70_000) };
    const nameless = { From: `whatsapp:${phone}`, Body: 'hello' };
    const json = { 'Content-Type': 'application/json' };
    const unsigned = { 'X-Twilio-Signature': 'wrong' };
    const status = async (
      form: Record<string, string>,
      headers: Record<string, string> = {},
    ): Promise<number> => (await post('/webhook', form, headers)).status;
    expect(await status(messageForm(), json)).toBe(415);
    expect(await status(large, json)).toBe(415);
    expect(await status(messageForm(), { ...json, ...unsigned })).toBe(415);
    expect(await status(nameless, json)).toBe(415);
    expect(await status(large)).toBe(413);
    expect(await status(large, unsigned)).toBe(413);
    expect(await status({ ...nameless, Body: large.Body })).toBe(413);
    expect(await status(nameless, unsigned)).toBe(403);
    expect(await status(nameless)).toBe(400);
    expect(await status(messageForm({ From: 'whatsapp:nobody' }))).toBe(400);
    const multipart = new FormData();
    multipart.set('MessageSid', newSid());
    expect((await fetch(`${relayUrl}/webhook`, { method: 'POST', body: multipart })).status).toBe(
      415,
    );
    expect((await fetch(`${relayUrl}/webhook`, { method: 'POST' })).status).toBe(415);
    expect(await stored(redis)).toEqual(before);
    expect(
      await status(messageForm(), {
        'Content-Type': 'Application/X-WWW-Form-Urlencoded; charset=UTF-8',
      }),
    ).toBe(200);
  });
});

/** Posts a body in pieces, without saying its length beforehand. */
async function postChunked({ relayUrl }: RelayBench, bytes: number): Promise<number> {
  const piece = new TextEncoder().encode(`${'x'.repeat(1023)}&`);
  let left = bytes;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (left <= 0) controller.close();
      else controller.enqueue(piece.subarray(0, left));
      left -= piece.length;
    },
  });
  const streaming: RequestInit & { duplex: 'half' } = {
    method: 'POST',
    body,
    duplex: 'half',
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
  };
  const response = await fetch(`${relayUrl}/webhook`, streaming);
  return response.status;
}

test('a body of unknown length is refused with 413 once it is over 64 kB', async () => {
  await withRelay({}, async (bench) => {
    expect(await postChunked(bench, 64 * 1024)).toBe(403);
    expect(await postChunked(bench, 64 * 1024 + 1)).toBe(413);
    expect(await postChunked(bench, 1024 * 1024)).toBe(413);
    expect((await bench.post('/webhook', messageForm())).status).toBe(200);
  });
});

test('a form of exactly 64 kB is read, one byte more is not', async () => {
  await withRelay({}, async ({ post }) => {
    const form = messageForm({ Body: '' });
    const rest = 64 * 1024 - new URLSearchParams(form).toString().length;
    expect((await post('/webhook', { ...form, Body: 'x'.repeat(rest) })).status).toBe(200);
    expect((await post('/webhook', { ...form, Body: 'x'.repeat(rest + 1) })).status).toBe(413);
  });
});

test('a webhook asked for with GET is not there, for whoever has no session either', async () => {
  await withRelay({}, async ({ relayUrl }) => {
    for (const [method, where] of [
      ['GET', '/webhook'],
      ['PUT', '/webhook'],
      ['GET', '/webhook/status'],
      ['POST', '/webhook/other'],
      ['GET', '/nothing'],
    ] as const) {
      const response = await fetch(relayUrl + where, { method, redirect: 'manual' });
      expect([404, 405], `${method} ${where}`).toContain(response.status);
    }
  });
});

test('a status callback for nobody is acknowledged, and one without an id is refused', async () => {
  await withRelay({}, async ({ post, redis }) => {
    const before = await stored(redis);
    const where = `/webhook/status?${new URLSearchParams({ reply: 'nobody', conversation: phone }).toString()}`;
    expect((await post(where, statusForm())).status).toBe(200);
    expect((await post('/webhook/status', statusForm())).status).toBe(200);
    expect((await post(where, { MessageSid: newSid(), MessageStatus: 'delivered' })).status).toBe(
      200,
    );
    expect((await post(where, { MessageStatus: 'delivered' })).status).toBe(400);
    expect(await stored(redis)).toEqual(before);
  });
});
