import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { Job, Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { peerOptions } from './peer-options.ts';

/**
 * The floor of an ack: bare node:http, one HMAC, and claim, inbox and turn in one transaction. It
 * shows the cost of the work alone, without a log, limits, metrics or error handling.
 */
const { port, redisUrl, publicUrl, authToken } = peerOptions();

const redis = new Redis(redisUrl);
const queue = new Queue<{ conversation: string }>('turns', {
  connection: redis,
  prefix: '{floor}',
  streams: { events: { maxLen: 100 } },
});

const acceptLua = `
  if redis.call('SET', KEYS[1], ARGV[2], 'NX', 'EX', ARGV[1]) then
    redis.call('RPUSH', KEYS[2], ARGV[3])
    return 1
  end
  return 0`;

const twiml = '<?xml version="1.0" encoding="UTF-8"?><Response/>';

function isSigned(request: IncomingMessage, form: URLSearchParams): boolean {
  let text = publicUrl + (request.url ?? '');
  for (const name of [...form.keys()].sort()) text += name + (form.get(name) ?? '');
  const expected = Buffer.from(createHmac('sha1', authToken).update(text).digest('base64'));
  const given = Buffer.from(String(request.headers['x-twilio-signature']));
  return given.length === expected.length && timingSafeEqual(given, expected);
}

async function accept(form: URLSearchParams): Promise<void> {
  const id = form.get('MessageSid') ?? '';
  const conversation = form.get('From') ?? '';
  const message = JSON.stringify({
    id,
    conversation,
    at: new Date().toISOString(),
    text: form.get('Body'),
  });
  const multi = (await queue.getBackend().client).multi();
  multi.runCommand('eval', [
    acceptLua,
    2,
    `{floor}:message:${id}`,
    `{floor}:inbox:${conversation}`,
    30 * 86_400,
    conversation,
    message,
  ]);
  await new Job(
    queue,
    'turns',
    { conversation },
    { deduplication: { id: conversation, keepLastIfActive: true } },
    id,
  ).addJob(multi);
  for (const [error] of (await multi.exec()) ?? []) if (error) throw error;
}

const server = createServer((request, response) => {
  if (request.method === 'GET') {
    redis.ping().then(
      () => response.end('ok'),
      () => response.writeHead(503).end(),
    );
    return;
  }
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const form = new URLSearchParams(Buffer.concat(chunks).toString('utf8'));
    if (!isSigned(request, form)) {
      response.writeHead(403).end();
      return;
    }
    accept(form).then(
      () =>
        response
          .writeHead(200, {
            'Content-Type': 'text/xml; charset=utf-8',
            'Content-Length': twiml.length,
          })
          .end(twiml),
      () => response.writeHead(503).end(),
    );
  });
});
server.listen(port, '127.0.0.1');
process.on('SIGTERM', () => process.exit(0));
