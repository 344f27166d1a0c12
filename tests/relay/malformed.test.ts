import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { createRandom } from '../support/random.ts';
import type { Random } from '../support/random.ts';
import { messageForm, signatureFor, withRelay } from '../support/relay-bench.ts';
import { scaled } from '../support/machine-speed.ts';
import { until } from '../support/until.ts';

/**
 * Sends bytes, ends its side, and returns all that came back. Throws when the relay keeps the
 * connection open for 10 s.
 */
function exchange(port: number, bytes: Buffer, ending: 'end' | 'reset'): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let answer = '';
    const timer = setTimeout(() => {
      socket.destroy();
      reject(
        new Error(
          `no end to ${JSON.stringify(bytes.toString('latin1').slice(0, 300))}; so far ${answer}`,
        ),
      );
    }, scaled(10_000));
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(answer);
    });
    socket.write(bytes, () => (ending === 'end' ? socket.end() : socket.resetAndDestroy()));
  });
}

const methods = [
  'POST',
  'POST',
  'POST',
  'GET',
  'HEAD',
  'PUT',
  'DELETE',
  'OPTIONS',
  'TRACE',
  'post',
  'BREW',
  '',
] as const;
const targets = [
  '/webhook',
  '/webhook',
  '/webhook/status',
  '/webhook?',
  '/webhook?%',
  '/webhook/',
  '//webhook',
  '/%ff',
  '/media/%ff',
  '/media/..%2f..%2fetc%2fpasswd',
  '/admin/%c0%af',
  '*',
  'http://other.example/webhook',
  '/webhook#x',
  '/\u00ff',
  '/admin/queues/../webhook',
  '/health?x[__proto__]=1',
] as const;
const headers = [
  'Content-Type: application/x-www-form-urlencoded',
  'Content-Type: application/x-www-form-urlencoded',
  'Content-Type: application/json',
  'Content-Type: ;;;',
  'Content-Type:',
  'Content-Length: 5',
  'Content-Length: 0',
  'Content-Length: -1',
  'Content-Length: 99999999999999999999',
  'Content-Length: 70000',
  'Content-Length: abc',
  'Content-Length: 5, 5',
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: gzip',
  'Transfer-Encoding: chunked, chunked',
  'Content-Encoding: br',
  'Expect: 100-continue',
  'Expect: a miracle',
  'X-Twilio-Signature: ',
  'X-Twilio-Signature: \u00e9\u00e9',
  `X-Twilio-Signature: ${'a'.repeat(9000)}`,
  'X-Twilio-Signature: a\r\nX-Twilio-Signature: b',
  'Connection: upgrade\r\nUpgrade: websocket',
  'Cookie: sidepocket=%; sidepocket.sig=x',
  'Authorization: Basic !!!',
  'Authorization: Basic',
  'X-Forwarded-For: , ,',
  'X-Forwarded-For: not an address',
  'no colon',
  ': nameless',
  `X-Long: ${'x'.repeat(20_000)}`,
] as const;
const bodies = [
  '',
  'a=1',
  'MessageSid=%',
  '%00%ff=%ff',
  '=&=&&&',
  '5\r\na=1&b\r\n0\r\n\r\n',
  'ffffffff\r\n',
  'zz\r\n',
  '\u0000\u0001\u00ff',
  'x'.repeat(70_000),
  'POST /webhook HTTP/1.1\r\nHost: x\r\n\r\n',
] as const;

function generate(random: Random): Buffer {
  const lines = [
    `${random.pick(methods)} ${random.pick(targets)} ${random.pick(['HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0', 'HTTP/9.9', ''])}`,
  ];
  if (random.below(10) > 0) lines.push('Host: relay.example.com');
  // From many places, or soon all would be turned away.
  lines.push(`X-Forwarded-For: 192.0.2.${random.below(40)}`);
  const body = random.pick(bodies);
  // Half of them are right in what lets a body be read at all.
  if (random.below(2) > 0)
    lines.push('Content-Type: application/x-www-form-urlencoded', `Content-Length: ${body.length}`);
  // One in two has nothing wrong in its headers: most that are wrong are stopped by Node itself.
  for (let left = random.below(2) * random.below(4); left > 0; left -= 1)
    lines.push(random.pick(headers));
  const whole = Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body}`, 'latin1');
  return random.below(8) === 0 ? whole.subarray(0, random.below(whole.length)) : whole;
}

test('no malformed request makes the relay fail, hang or store something', async () => {
  await withRelay({ TRUST_PROXY: '1' }, async ({ environment, post, redis, logged }) => {
    const random = createRandom(4);
    const seen = new Map<string, number>();
    // What is loaded with the first page would answer too late for those that hang up at once.
    expect((await fetch(`http://127.0.0.1:${environment['PORT']}/admin`)).status).toBeLessThan(500);
    for (let round = 0; round < 150; round += 1) {
      const batch = Array.from({ length: 10 }, () => ({
        bytes: generate(random),
        ending: random.below(4) > 0 ? ('end' as const) : ('reset' as const),
      }));
      const answers = await Promise.all(
        batch.map(({ bytes, ending }) => exchange(Number(environment['PORT']), bytes, ending)),
      );
      for (const [index, answer] of answers.entries()) {
        for (const [, status = ''] of answer.matchAll(/HTTP\/1\.1 (\d{3})/g)) {
          seen.set(status, (seen.get(status) ?? 0) + 1);
          expect(
            Number(status),
            `to ${batch[index]?.bytes.toString('latin1').slice(0, 400)}`,
          ).toBeLessThan(500);
        }
      }
    }
    // The requests were not all stopped at the same door.
    expect([...seen.keys()]).toEqual(expect.arrayContaining(['400', '403', '404', '415', '431']));
    expect(
      logged().filter((line) => line['level'] === 'error' || line['level'] === 'fatal'),
    ).toEqual([]);
    expect(await redis.keys('*:message:*')).toEqual([]);
    expect((await post('/webhook', messageForm())).status).toBe(200);
  });
});

test('a body that breaks off is not taken, though its beginning was signed as a whole', async () => {
  await withRelay({}, async ({ environment, post, redis, logged }) => {
    const form = messageForm();
    const body = new URLSearchParams(form).toString();
    const head = [
      'POST /webhook HTTP/1.1',
      'Host: x',
      'Content-Type: application/x-www-form-urlencoded',
      `X-Twilio-Signature: ${signatureFor(environment, '/webhook', form)}`,
      `Content-Length: ${body.length + 1}`,
    ];
    for (const ending of ['end', 'reset'] as const) {
      expect(
        await exchange(
          Number(environment['PORT']),
          Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`),
          ending,
        ),
      ).not.toContain('200 OK');
    }
    expect(await redis.keys('*:message:*')).toEqual([]);
    expect(logged().filter((line) => line['level'] === 'error')).toEqual([]);
    expect((await post('/webhook', form)).status).toBe(200);
  });
});

test('a sender that goes on after its body was refused still gets the answer, and its connection serves on', async () => {
  await withRelay({}, async ({ environment, logged }) => {
    const socket = connect(Number(environment['PORT']), '127.0.0.1');
    try {
      const errors: unknown[] = [];
      socket.on('error', (error) => errors.push(error));
      const piece = `4000\r\n${'x'.repeat(0x4000)}\r\n`;
      socket.write(
        `POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n${piece.repeat(5)}`,
      );
      await until('the refusal', () => logged().some((line) => line['status'] === 413));
      let answer = '';
      socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
      for (let round = 0; round < 20; round += 1) {
        await new Promise((resolve) => socket.write(piece, resolve));
      }
      socket.write('0\r\n\r\nGET /health HTTP/1.1\r\nHost: x\r\n\r\n');
      await until(
        'both answers',
        () => /413 Payload Too Large[^]*200 OK/.test(answer) || errors.length > 0,
      );
      expect(errors).toEqual([]);
    } finally {
      socket.destroy();
    }
  });
});
