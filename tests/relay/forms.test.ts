import type { IncomingMessage } from 'node:http';
import { PassThrough } from 'node:stream';
import {
  array,
  assert,
  asyncProperty,
  constantFrom,
  dictionary,
  oneof,
  record,
  string,
  webUrl,
} from 'fast-check';
import { expect, test } from 'vitest';
import { createBodies } from '../../relay/http/form.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import { Message } from '../../shared/store/message.ts';
import { phone } from '../support/pipeline.ts';
import { messageForm, newSid, signatureFor, withRelay } from '../support/relay-bench.ts';
import type { Form } from '../support/relay-bench.ts';
import { anyCharacter } from '../support/any-character.ts';

/**
 * Values as Twilio would not send them: any text, lone surrogates and control characters too,
 * numbers that are none, addresses, and what other parsers trip over.
 */
const value = oneof(
  string({ unit: anyCharacter, maxLength: 60 }),
  string({ unit: 'grapheme', maxLength: 60 }),
  webUrl(),
  constantFrom(
    '',
    '0',
    '-1',
    '1e309',
    'NaN',
    '99999999999999999999',
    '__proto__',
    '[object Object]',
    '{"$gt":""}',
    '%',
    '%00',
    '\r\nSet-Cookie: a=b',
    '../../etc/passwd',
    '<Response><Message>x</Message></Response>',
    `whatsapp:${phone}`,
    'whatsapp:+1',
    '{sidepocket}:inbox',
    '\ud800',
    '💥'.repeat(40),
  ),
);

const name = oneof(
  constantFrom(
    'Body',
    'From',
    'To',
    'NumMedia',
    'MediaUrl0',
    'MediaContentType0',
    'Latitude',
    'Longitude',
    'Label',
    'ButtonPayload',
    'ButtonText',
    'ListId',
    'ListTitle',
    'ProfileName',
    'OriginalRepliedMessageSid',
    'MessageStatus',
    'ErrorCode',
    'MessageSid',
    'constructor',
    '__proto__',
  ),
  string({ maxLength: 20 }),
);

/** As it goes over the wire: a form cannot carry a lone surrogate. */
const wellFormed = (form: Form): Form =>
  Object.fromEntries(
    Object.entries(form).map(([key, text]) => [key.toWellFormed(), text.toWellFormed()]),
  );

const changes = dictionary(name, value, { maxKeys: 12 });

test(
  'a few thousand forms that Twilio has signed and nobody expects are a message that can be read back, or a 400',
  { tags: 'long' },
  async () => {
    await withRelay({ SENDER_LIMIT_PER_MINUTE: '100000' }, async ({ post, redis, logged }) => {
      const seen = new Map<number, number>();
      const many = array(
        record({
          change: changes,
          path: constantFrom(
            '/webhook',
            '/webhook',
            '/webhook/status?reply=x&conversation=%2B15551230001',
            '/webhook/status?%',
          ),
        }),
        { minLength: 10, maxLength: 10 },
      );
      await assert(
        asyncProperty(many, async (batch) => {
          const answers = await Promise.all(
            batch.map(({ change, path }) =>
              post(path, wellFormed({ ...messageForm(), MessageStatus: 'delivered', ...change })),
            ),
          );
          for (const { status } of answers) {
            seen.set(status, (seen.get(status) ?? 0) + 1);
            expect([200, 400]).toContain(status);
          }
        }),
        { numRuns: 250, endOnFailure: true },
      );
      expect([...seen.keys()].toSorted()).toEqual([200, 400]);
      for (const conversation of await redis.smembers(keys.conversations)) {
        for (const raw of await redis.lrange(keys.inbox(conversation), 0, -1))
          expect(Message.safeParse(JSON.parse(raw)).error, `of ${raw}`).toBeUndefined();
      }
      expect(logged().filter((line) => line['level'] === 'error')).toEqual([]);
    });
  },
);

test('of a thousand forged ones none is taken, whatever they sign with', async () => {
  await withRelay({}, async ({ environment, post, redis }) => {
    const before = (await redis.keys('*')).toSorted();
    const signature = oneof(
      string({ unit: 'grapheme-ascii', maxLength: 60 }).map((text) => text.trim()),
      constantFrom('', 'null', 'undefined', 'AAAAAAAAAAAAAAAAAAAAAAAAAAA=', 'sha1=x'),
    );
    const attempt = record({
      change: changes,
      signature,
      trick: constantFrom('guess', 'other token', 'other path', 'other form', 'other host'),
    });
    await assert(
      asyncProperty(array(attempt, { minLength: 10, maxLength: 10 }), async (batch) => {
        const statuses = await Promise.all(
          batch.map(async ({ change, signature: guess, trick }) => {
            const form = wellFormed({ ...messageForm(), ...change, MessageSid: newSid() });
            const made = {
              guess: () => guess,
              'other token': () =>
                signatureFor({ ...environment, TWILIO_AUTH_TOKEN: guess || 'x' }, '/webhook', form),
              'other path': () => signatureFor(environment, '/webhook/status', form),
              'other form': () =>
                signatureFor(environment, '/webhook', { ...form, Body: `${form['Body'] ?? ''}.` }),
              'other host': () =>
                signatureFor(
                  { ...environment, PUBLIC_URL: 'https://evil.example' },
                  '/webhook',
                  form,
                ),
            }[trick]();
            return (await post('/webhook', form, { 'X-Twilio-Signature': made })).status;
          }),
        );
        for (const status of statuses) expect([403, 429]).toContain(status);
      }),
      { numRuns: 100, endOnFailure: true },
    );
    expect((await redis.keys('*')).toSorted()).toEqual(before);
  });
});

test('a form that breaks off is given up, and its memory with it', async () => {
  const bodies = createBodies(64 * 1024);
  for (let time = 0; time < 3; time += 1) {
    const stream = new PassThrough();
    const request = Object.assign(stream, {
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    }) as unknown as IncomingMessage;
    const reading = bodies.read(request, { keep: true });
    stream.write(Buffer.alloc(20_000, 'a'));
    await new Promise((resolve) => setImmediate(resolve));
    stream.destroy();
    await expect(reading).rejects.toMatchObject({ status: 400 });
  }
});
