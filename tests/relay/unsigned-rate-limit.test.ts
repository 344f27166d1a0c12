import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { wrongPerMinute } from '../../relay/http/unsigned-rate-limit.ts';
import { createFileStore } from '../../shared/store/files.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import { earlyInTheMinute } from '../support/minute.ts';
import { otherPhone, phone } from '../support/pipeline.ts';
import {
  messageForm,
  newSid,
  signatureFor,
  statusForm,
  withRelay,
} from '../support/relay-bench.ts';
import type { RelayBench } from '../support/relay-bench.ts';
import { until } from '../support/until.ts';

const wrong = { 'X-Twilio-Signature': 'AAAAAAAAAAAAAAAAAAAAAAAAAAA=' };
const from = (address: string): Record<string, string> => ({ 'X-Forwarded-For': address });

/** Posts without a signature. */
async function unsigned(
  { relayUrl }: RelayBench,
  headers: Record<string, string> = {},
  path = '/webhook',
): Promise<number> {
  const response = await fetch(relayUrl + path, {
    method: 'POST',
    body: new URLSearchParams(messageForm()).toString(),
    headers: { 'Content-Type': 'application/x-www-form-urlencoded', ...headers },
  });
  await response.arrayBuffer();
  return response.status;
}

/** Posts a header that promises a body, and no body. Returns the first line that comes back. */
function promise(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(
      port,
      '127.0.0.1',
      () =>
        void socket.write(
          'POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 60000\r\n\r\n',
        ),
    );
    socket.setTimeout(5000, () => socket.destroy(new Error('no answer')));
    socket.once('data', (chunk: Buffer) => {
      resolve(chunk.toString().split('\r\n', 1)[0] ?? '');
      socket.destroy();
    });
    socket.once('error', reject);
  });
}

test('an address that sends too much without a right signature gets 429, and what Twilio has signed passes from there all the same', async () => {
  await earlyInTheMinute();
  await withRelay({}, async (bench) => {
    const { post, redis, logged } = bench;
    const statuses: number[] = [];
    for (let round = 0; round < wrongPerMinute; round += 1)
      statuses.push(
        round % 2 ? await unsigned(bench) : (await post('/webhook', messageForm(), wrong)).status,
      );
    expect(new Set(statuses)).toEqual(new Set([403]));
    const refused = await post('/webhook', messageForm(), wrong);
    expect([refused.status, refused.headers.get('retry-after'), await refused.text()]).toEqual([
      429,
      '60',
      '',
    ]);
    expect(await unsigned(bench)).toBe(429);
    // Without a signature nobody waits for the body.
    expect(await promise(Number(bench.environment['PORT']))).toBe('HTTP/1.1 429 Too Many Requests');
    expect(await unsigned(bench, { 'Content-Type': 'application/json' })).toBe(429);
    expect(await unsigned(bench, {}, '/webhook/status')).toBe(429);
    const form = messageForm();
    expect((await post('/webhook', form)).status).toBe(200);
    expect((await post('/webhook/status', statusForm({ MessageStatus: 'sent' }))).status).toBe(200);
    expect(await redis.llen(keys.inbox(phone))).toBe(1);
    expect((await fetch(`${bench.relayUrl}/health`)).status).toBe(200);
    // A flood is no flood of lines.
    expect(logged().filter(({ msg }) => String(msg).startsWith('rate limited'))).toHaveLength(1);
    expect(logged().filter(({ msg }) => msg === 'refused').length).toBe(wrongPerMinute);
  });
});

test('with a proxy in front each address has its own count, and what a client writes before it changes nothing', async () => {
  await earlyInTheMinute();
  await withRelay({ TRUST_PROXY: '1' }, async (bench) => {
    for (let round = 0; round < wrongPerMinute; round += 1)
      expect(await unsigned(bench, from(`192.0.2.${round}, 203.0.113.1`))).toBe(403);
    expect(await unsigned(bench, from('192.0.2.99, 203.0.113.1'))).toBe(429);
    expect(await unsigned(bench, from('203.0.113.2'))).toBe(403);
    for (let round = 0; round < wrongPerMinute; round += 1)
      expect(await unsigned(bench, from(`2001:db8:1:2::${round.toString(16)}`))).toBe(403);
    expect(await unsigned(bench, from('2001:db8:1:2:ffff::1'))).toBe(429);
    expect(await unsigned(bench, from('2001:db8:1:3::1'))).toBe(403);
  });
});

test('without a proxy X-Forwarded-For is not believed, and with https there is one', async () => {
  await earlyInTheMinute();
  await withRelay({}, async (bench) => {
    for (let round = 0; round < wrongPerMinute; round += 1)
      expect(await unsigned(bench, from(`203.0.113.${round}`))).toBe(403);
    expect(await unsigned(bench, from('198.51.100.1'))).toBe(429);
  });
  await withRelay({ PUBLIC_URL: 'https://relay.example.com' }, async (bench) => {
    for (let round = 0; round <= wrongPerMinute; round += 1)
      expect(await unsigned(bench, from(`203.0.113.${round}`))).toBe(403);
  });
});

test('whoever guesses addresses of files is turned away, and costs no more Redis then; whoever has one is not', async () => {
  await earlyInTheMinute();
  await withRelay({ TRUST_PROXY: '1' }, async ({ relayUrl, redis }) => {
    const { token } = await createFileStore(redis).put(
      Buffer.from('x'),
      { type: 'text/plain', name: 'x.txt' },
      '+15551230001',
    );
    const get = async (path: string, address: string): Promise<number> =>
      (await fetch(relayUrl + path, { headers: from(address) })).status;
    for (let round = 0; round < 2 * wrongPerMinute; round += 1)
      expect(await get(`/media/${token}`, '203.0.113.1')).toBe(200);
    for (let round = 0; round < wrongPerMinute; round += 1)
      expect(await get(round % 2 ? `/media/${newSid()}` : `/guess/${round}`, '203.0.113.1')).toBe(
        404,
      );
    await redis.config('RESETSTAT');
    expect(await get(`/media/${newSid()}`, '203.0.113.1')).toBe(429);
    expect(await redis.info('commandstats')).not.toContain('cmdstat_hgetall');
    expect(await get(`/guess`, '203.0.113.1')).toBe(429);
    expect(await get(`/media/${token}`, '203.0.113.2')).toBe(200);
  });
});

test('while the auth token is changed both are taken; Twilio is asked with the first', async () => {
  await withRelay(
    { TWILIO_AUTH_TOKEN_SECONDARY: 'the other token' },
    async ({ environment, post, redis }) => {
      for (const token of ['test-auth-token', 'the other token']) {
        const form = messageForm();
        expect(
          (
            await post('/webhook', form, {
              'X-Twilio-Signature': signatureFor(
                { ...environment, TWILIO_AUTH_TOKEN: token },
                '/webhook',
                form,
              ),
            })
          ).status,
        ).toBe(200);
      }
      const form = messageForm();
      expect(
        (
          await post('/webhook', form, {
            'X-Twilio-Signature': signatureFor(
              { ...environment, TWILIO_AUTH_TOKEN: 'a third' },
              '/webhook',
              form,
            ),
          })
        ).status,
      ).toBe(403);
      expect(await redis.llen(keys.inbox(phone))).toBe(2);
    },
  );
});

test('a person who sends more than is taken in a minute is told once; what was taken stays, others are not held up, a repeat counts nothing', async () => {
  await earlyInTheMinute();
  await withRelay({ SENDER_LIMIT_PER_MINUTE: '60' }, async ({ post, redis, replies, logged }) => {
    // One person, who writes from a number and from a user id.
    const userId = 'US.13491208655302741918';
    const first = messageForm({ Body: 'number 0', ExternalUserId: `whatsapp:${userId}` });
    expect((await post('/webhook', first)).status).toBe(200);
    // Twilio's own repeats are not the person's doing.
    for (let round = 0; round < 30; round += 1)
      expect((await post('/webhook', first)).status).toBe(200);
    const statuses = await Promise.all(
      Array.from({ length: 79 }, async (_, index) => {
        const from = index % 2 === 0 ? { From: `whatsapp:${userId}` } : {};
        return (await post('/webhook', messageForm({ Body: `number ${index + 1}`, ...from })))
          .status;
      }),
    );
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(await redis.llen(keys.inbox(phone))).toBe(60);
    // What was refused is known, so that it is not taken in later beside what is sent again.
    const states = await Promise.all(
      (await redis.keys(keys.message('*'))).map((key) => redis.hget(key, 'state')),
    );
    expect([states.length, states.filter((state) => state === 'refused').length]).toEqual([80, 20]);
    expect((await post('/webhook', messageForm({ From: `whatsapp:${otherPhone}` }))).status).toBe(
      200,
    );
    expect(await redis.llen(keys.inbox(otherPhone))).toBe(1);
    // It goes to the address that wrote last.
    const told = (): string[] => [...replies(), ...replies(userId)].map(({ text }) => text);
    await until('the notice', () => told().length > 0);
    expect(told()).toEqual([
      'That is more than I can take in at once. I kept the first 60; please send the rest again in a minute.',
    ]);
    expect(logged().filter(({ msg }) => msg === 'a sender is over the limit')).toMatchObject([
      { from: '+1…01' },
    ]);
  });
});

test('a limit below 60 is no configuration', async () => {
  await expect(withRelay({ SENDER_LIMIT_PER_MINUTE: '59' }, async () => undefined)).rejects.toThrow(
    'SENDER_LIMIT_PER_MINUTE: must be at least 60',
  );
});

test('the limits cost an accepted message no Redis command', async () => {
  await withRelay({}, async ({ post, redis }) => {
    await post('/webhook', messageForm());
    await until(
      'what follows the first message',
      async () => (await redis.exists(keys.typing(phone))) === 1,
    );
    await redis.config('RESETSTAT');
    expect((await post('/webhook', messageForm())).status).toBe(200);
    const calls = [
      ...(await redis.info('commandstats')).matchAll(/^cmdstat_(multi|exec):calls=(\d+)/gm),
    ].map(([, name, count]) => `${name} ${count}`);
    expect(calls.toSorted()).toEqual(['exec 1', 'multi 1']);
  });
});

test('an old webhook that somebody recorded and plays again is a duplicate, and so is an old status', async () => {
  await withRelay({}, async ({ environment, post, redis, startWorker, replies, say }) => {
    // So that the twin knows that the person has written.
    await say('hello');
    const form = messageForm({ Body: 'once' });
    const signature = { 'X-Twilio-Signature': signatureFor(environment, '/webhook', form) };
    expect((await post('/webhook', form, signature)).status).toBe(200);
    await startWorker();
    await until('the answers', () => replies().length === 2);
    const reply = (await redis.keys(keys.reply('*')))[0]?.slice(keys.reply('').length) ?? '';
    await until(
      'its delivery',
      async () => (await redis.hget(keys.reply(reply), 'status')) === 'delivered',
    );
    const before = await redis.hgetall(keys.reply(reply));
    for (let round = 0; round < 10; round += 1) {
      expect((await post('/webhook', form, signature)).status).toBe(200);
      const where = `/webhook/status?${new URLSearchParams({ reply, conversation: phone }).toString()}`;
      expect(
        (await post(where, statusForm({ MessageSid: before['sid'] ?? '', MessageStatus: 'sent' })))
          .status,
      ).toBe(200);
    }
    expect(await redis.llen(keys.inbox(phone))).toBe(0);
    expect(replies()).toHaveLength(2);
    expect(await redis.hgetall(keys.reply(reply))).toEqual(before);
    // Nothing remembers it longer than what it led to.
    expect(await redis.ttl(keys.message(form['MessageSid'] ?? ''))).toBeGreaterThan(29 * 24 * 3600);
  });
});
