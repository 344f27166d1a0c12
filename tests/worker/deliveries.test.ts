import { createServer, request } from 'node:http';
import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import { SendFailure } from '../../shared/delivery/messenger.ts';
import type { FoundMessage, Messenger } from '../../shared/delivery/messenger.ts';
import { createTwilioMessenger } from '../../shared/twilio/messenger.ts';
import type { TwilioAccount } from '../../shared/twilio/messenger.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import type { FaultName, FaultSetting } from '../../simulator/twilio/faults.ts';
import { scaled } from '../support/machine-speed.ts';
import { otherPhone, phone, withPipeline } from '../support/pipeline.ts';
import type { Pipeline } from '../support/pipeline.ts';
import { signatureFor } from '../support/relay-bench.ts';
import { until } from '../support/until.ts';

function accountOf({ environment, twin }: Pipeline): TwilioAccount {
  return {
    accountSid: environment['TWILIO_ACCOUNT_SID'] ?? '',
    authToken: 'test-auth-token',
    number: '+15550100000',
    apiUrl: twin.url,
  };
}

/**
 * Waits until everything that is to be sent was sent, and returns the texts that the phone got and
 * still has.
 */
async function settled(
  { redis, replies }: Pipeline,
  count: number,
  from = phone,
): Promise<string[]> {
  const good = (): string[] =>
    replies(from)
      .filter((reply) => reply.status !== 'failed' && reply.status !== 'undelivered')
      .map((reply) => reply.text);
  await until(
    `${count} replies, nothing left to send`,
    async () => good().length >= count && (await redis.llen(keys.outbox(from))) === 0,
  );
  return good();
}

describe('one answer arrives once, whatever Twilio does to the POST', () => {
  const faults: [FaultName, FaultSetting?][] = [
    ['create-429'],
    ['create-500-before'],
    ['create-500-after'],
    ['create-hang-before'],
    ['create-hang-after'],
    ['create-reset-before'],
    ['create-reset-after'],
    ['create-garbled-after'],
    ['callbacks-shuffled'],
    ['callback-before-answer'],
    ['callbacks-dropped'],
  ];
  test('after each of its faults', { tags: 'long' }, async () => {
    await withPipeline({}, async (pipeline) => {
      await pipeline.startWorker({ twilioTimeoutMs: scaled(1500) });
      const expected: string[] = [];
      for (const [name, setting] of faults) {
        pipeline.twin.faults.set(name, { times: 1, ...setting });
        // Texts of their own: what was sent before would pass for them.
        for (const text of [`one ${name}`, `two ${name}`]) {
          await pipeline.say(text);
          expected.push(`answer to ${text}`);
        }
        expect(await settled(pipeline, expected.length), `after ${name}`).toEqual(expected);
        pipeline.twin.faults.clear();
      }
    });
  });

  test('the list lags behind an unclear send', async () => {
    await withPipeline({}, async (pipeline) => {
      pipeline.twin.faults.set('create-reset-after', { times: 1 });
      // The first look-up of the reply; the relay lists messages as well.
      const isLookUp = (query: Record<string, string>): boolean =>
        query['To'] === `whatsapp:${phone}`;
      pipeline.twin.faults.set('list-lags', { ms: 60_000, times: 1, when: isLookUp });
      // Else the status callback settles it before anything is looked up.
      pipeline.twin.faults.set('callbacks-dropped');
      await pipeline.startWorker();
      await pipeline.say('one');
      expect(await settled(pipeline, 1)).toEqual(['answer to one']);
      expect(
        pipeline.twin.memory.attempts.filter((attempt) => attempt.sid !== undefined),
      ).toHaveLength(1);
    });
  });

  test('two equal answers in a row are both sent when the first send was unclear', async () => {
    await withPipeline({}, async (pipeline) => {
      pipeline.twin.faults.set('create-500-after', { times: 2 });
      pipeline.twin.faults.set('callbacks-dropped');
      await pipeline.startWorker({ answer: async () => 'the same' });
      await pipeline.say('one');
      await pipeline.say('two');
      expect(await settled(pipeline, 2)).toEqual(['the same', 'the same']);
    });
  });

  test('while nobody can look the message up it is not sent again', async () => {
    await withPipeline({}, async (pipeline) => {
      pipeline.twin.faults.set('create-reset-after', { times: 1 });
      pipeline.twin.faults.set('callbacks-dropped');
      await pipeline.startWorker();
      await pipeline.say('one');
      expect(await settled(pipeline, 1)).toEqual(['answer to one']);
      expect(
        pipeline.twin.memory.attempts.filter((attempt) => attempt.sid !== undefined),
      ).toHaveLength(1);
    });
  });
});

describe('an unclear send that Twilio lists as failed, with no callback', () => {
  test.each([
    {
      code: 63_022,
      what: 'is said to have failed',
      last: 'One of my messages could not be delivered. Please ask me again.',
    },
    { code: 63_019, what: 'is sent once more', last: 'answer to one' },
  ])('$code: it $what', async ({ code, last }) => {
    await withPipeline({}, async (pipeline) => {
      pipeline.twin.faults.set('create-reset-after', { times: 1 });
      pipeline.twin.faults.set('late-failure', { times: 1, code });
      pipeline.twin.faults.set('callbacks-dropped', { times: 3 });
      const messenger = createTwilioMessenger(accountOf(pipeline), pipeline.log);
      const hasFailed = (): boolean =>
        pipeline.replies().some(({ status }) => status === 'failed' || status === 'undelivered');
      const find: Messenger['find'] = async (...asked) => {
        await until('the failure in the list', hasFailed);
        return await messenger.find(...asked);
      };
      await pipeline.startWorker({
        createMessenger: () => ({ ...messenger, find }),
        reconciling: { firstMs: 20, lastMs: scaled(20_000), blindMs: 3_600_000 },
      });
      await pipeline.say('one');
      expect(await settled(pipeline, 1)).toEqual([last]);
      expect(pipeline.replies().map(({ text }) => text)).toEqual(['answer to one', last]);
    });
  });
});

test('a list that is refused for good is not believed before a late status callback may have come', async () => {
  await withPipeline({}, async (pipeline) => {
    pipeline.twin.faults.set('create-reset-after', { times: 1 });
    pipeline.twin.faults.set('callbacks-dropped');
    const account = accountOf(pipeline);
    const messenger = createTwilioMessenger(account, pipeline.log);
    let looks = 0;
    const find = async (): Promise<FoundMessage[]> => {
      looks += 1;
      throw new SendFailure('give-up', 'may not be listed', 20_003);
    };
    await pipeline.startWorker({
      createMessenger: () => ({ ...messenger, find }),
      reconciling: { firstMs: 20, lastMs: scaled(2000), blindMs: 3_600_000 },
    });
    await pipeline.say('one');
    await until('some look-ups', () => looks >= 2);
    const attempt = await until('the message at Twilio', () =>
      pipeline.twin.memory.attempts.find(({ sid }) => sid !== undefined),
    );
    const [reply] = await pipeline.redis.lrange(keys.outbox(phone), 0, 0);
    // The callback comes at last.
    const form = {
      MessageSid: attempt.sid ?? '',
      MessageStatus: 'delivered',
      AccountSid: account.accountSid,
      From: 'whatsapp:+15550100000',
      To: `whatsapp:${phone}`,
    };
    const where = `/webhook/status?${new URLSearchParams({ reply: reply ?? '', conversation: phone }).toString()}`;
    const headers = { 'X-Twilio-Signature': signatureFor(pipeline.environment, where, form) };
    expect(
      (
        await fetch(pipeline.relayUrl + where, {
          method: 'POST',
          body: new URLSearchParams(form),
          headers,
        })
      ).status,
    ).toBe(200);
    await until(
      'an empty outbox',
      async () => (await pipeline.redis.llen(keys.outbox(phone))) === 0,
    );
    expect(pipeline.twin.memory.attempts.filter(({ sid }) => sid !== undefined)).toHaveLength(1);
  });
});

test('trouble with one person does not hold up another', async () => {
  await withPipeline({}, async (pipeline) => {
    pipeline.twin.faults.set('create-429', {
      when: (params) => params['To'] === `whatsapp:${phone}`,
    });
    await pipeline.startWorker();
    await pipeline.say('one');
    await pipeline.say('two', otherPhone);
    expect(await settled(pipeline, 1, otherPhone)).toEqual(['answer to two']);
    expect(pipeline.replies(phone)).toEqual([]);
    pipeline.twin.faults.clear();
    expect(await settled(pipeline, 1)).toEqual(['answer to one']);
  });
});

describe('delivered, not just sent', () => {
  test('the ledger follows the callbacks and never goes back', async () => {
    await withPipeline({}, async (pipeline) => {
      pipeline.twin.faults.set('callbacks-shuffled');
      await pipeline.startWorker();
      await pipeline.say('one');
      const [reply] = await until('the reply', () =>
        pipeline.replies().length > 0 ? pipeline.replies() : undefined,
      );
      const id = await until('its ledger', () => pipeline.redis.get(keys.sent(reply?.sid ?? '')));
      await until(
        'delivered',
        async () => (await pipeline.redis.hget(keys.reply(id), 'status')) === 'delivered',
      );
      pipeline.twin.chat.markRead(phone);
      await until(
        'read',
        async () => (await pipeline.redis.hget(keys.reply(id), 'status')) === 'read',
      );
      await until('all callbacks', () => pipeline.twin.memory.callbacks.length >= 3);
      expect(await pipeline.redis.hget(keys.reply(id), 'status')).toBe('read');
    });
  });

  test('a passing late failure is sent once more, a second one is told to the person', async () => {
    await withPipeline({}, async (pipeline) => {
      pipeline.twin.faults.set('late-failure', { times: 1, code: 63_019 });
      await pipeline.startWorker();
      const sends = (text: string): number =>
        pipeline.twin.memory.attempts.filter(
          (attempt) => attempt.params['Body'] === text && attempt.sid !== undefined,
        ).length;
      await pipeline.say('one');
      await until('the repeat', () => sends('answer to one') === 2);
      expect(await settled(pipeline, 1)).toEqual(['answer to one']);
      pipeline.twin.faults.set('late-failure', {
        times: 2,
        code: 63_019,
        when: (params) => params['Body'] === 'answer to two',
      });
      await pipeline.say('two');
      const sentence = 'One of my messages could not be delivered. Please ask me again.';
      await until('the sentence', () =>
        pipeline.replies().some((reply) => reply.text === sentence),
      );
      expect(await settled(pipeline, 2)).toEqual(['answer to one', sentence]);
      expect(sends('answer to two')).toBe(2);
    });
  });

  test('a closed window parks the answer until the person writes, and a template says so', async () => {
    const template = `HX${'7'.repeat(32)}`;
    await withPipeline({ environment: { TWILIO_TEMPLATE_SID: template } }, async (pipeline) => {
      await pipeline.startWorker();
      await pipeline.say('zero');
      await settled(pipeline, 1);
      let closed = (): void => pipeline.twin.chat.closeWindow(phone);
      pipeline.twin.faults.set('create-429', {
        times: 1,
        when: () => (closed(), (closed = () => undefined), true),
      });
      await pipeline.say('one');
      await until(
        'a parked reply',
        async () => (await pipeline.redis.llen(keys.parked(phone))) === 1,
      );
      await until('the template', () =>
        pipeline.twin.memory.attempts.some((attempt) => attempt.params['ContentSid'] === template),
      );
      await pipeline.say('two');
      expect(await settled(pipeline, 3)).toEqual([
        'answer to zero',
        'answer to one',
        'answer to two',
      ]);
      expect(await pipeline.redis.llen(keys.parked(phone))).toBe(0);
    });
  });
});

test('a refusal without Twilio’s code and message is judged by its status, and harms nothing', async () => {
  await withPipeline({}, async (pipeline) => {
    let refusals = 2;
    // A stand-in between the SDK and the twin: it refuses like a proxy that knows nothing of
    // Twilio.
    const proxy = createServer((incoming, response) => {
      const isSend = incoming.method === 'POST' && incoming.url?.includes('/Messages.json');
      if (incoming.url?.includes('/Indicators/'))
        return void response
          .writeHead(404, { 'Content-Type': 'application/problem+json' })
          .end('{"title":"x"}');
      if (isSend && refusals > 0) {
        refusals -= 1;
        return void response
          .writeHead(429, { 'Content-Type': 'application/json' })
          .end('{"title":"nope"}');
      }
      return void incoming.pipe(forward(incoming, response, pipeline.twin.url));
    });
    await new Promise<void>((resolve) => void proxy.listen(0, '127.0.0.1', resolve));
    const apiUrl = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const account = {
      accountSid: pipeline.environment['TWILIO_ACCOUNT_SID'] ?? '',
      authToken: pipeline.environment['TWILIO_AUTH_TOKEN'] ?? '',
      number: '+15550100000',
      apiUrl,
    };
    await pipeline.startWorker({
      createMessenger: () => createTwilioMessenger(account, pipeline.log),
    });
    await pipeline.say('one');
    expect(await settled(pipeline, 1)).toEqual(['answer to one']);
    proxy.closeAllConnections();
    proxy.close();
  });
});

function forward(
  incoming: IncomingMessage,
  response: ServerResponse,
  target: string,
): ClientRequest {
  return request(
    new URL(incoming.url ?? '/', target),
    { method: incoming.method ?? 'GET', headers: incoming.headers },
    (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    },
  );
}
