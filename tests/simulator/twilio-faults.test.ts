import { expect, test } from 'vitest';
import { Faults, type FaultName } from '../../simulator/twilio/faults.ts';
import { scaled } from '../support/machine-speed.ts';
import { FROM, PHONE, TO, connectClient, refusalOf, withTwilio } from '../support/twilio-bench.ts';
import { until } from '../support/until.ts';

const message = { from: FROM, to: TO, body: 'hello' };

test('creates that fail before or after the message was taken', async () => {
  await withTwilio({}, async ({ twin }) => {
    // Long enough for the twin to note what it then keeps waiting.
    const client = connectClient(twin.url, undefined, scaled(600));
    await twin.chat.receive(PHONE, { text: 'hello' });
    const cases: [FaultName, object, boolean][] = [
      ['create-429', { status: 429, code: 20429 }, false],
      ['create-500-before', { status: 500, code: 20500 }, false],
      ['create-500-after', { status: 500, code: 20500 }, true],
      ['create-hang-before', { code: 'ECONNABORTED' }, false],
      ['create-hang-after', { code: 'ECONNABORTED' }, true],
      ['create-reset-before', { code: 'ECONNRESET' }, false],
      ['create-reset-after', { code: 'ECONNRESET' }, true],
      ['create-garbled-after', { name: 'SyntaxError' }, true],
    ];
    for (const [name, error, taken] of cases) {
      const before = twin.messages().length;
      twin.faults.set(name, { times: 1 });
      expect({ fault: name, ...(await refusalOf(client.messages.create(message))) }).toMatchObject({
        fault: name,
        ...error,
      });
      const sid = taken ? twin.messages().at(-1)?.sid : undefined;
      expect(twin.memory.attempts.at(-1)).toMatchObject({ outcome: name, sid });
      expect({ fault: name, added: twin.messages().length - before }).toEqual({
        fault: name,
        added: taken ? 1 : 0,
      });
    }
    await expect(client.messages.create(message)).resolves.toMatchObject({ status: 'queued' });
    const delivered = () =>
      twin.chat.messages(PHONE).filter(({ status }) => status === 'delivered');
    await until('delivery of all that were taken', () => delivered().length === 5);
  });
});

test('late failures come by callback: the channel fails, the carrier leaves undelivered', async () => {
  await withTwilio({}, async ({ twin, client }) => {
    await twin.chat.receive(PHONE, { text: 'hello' });
    const statesOf = (sid: string) => {
      const about = twin.memory.callbacks.filter(({ params }) => params['MessageSid'] === sid);
      return about.map(({ params }) => params['MessageStatus']);
    };
    for (const [code, states] of [
      [63_018, ['failed']],
      [30_008, ['sent', 'undelivered']],
    ] as const) {
      twin.faults.set('late-failure', { times: 1, code });
      const { sid } = await client.messages.create(message);
      await until(`${code}`, () => statesOf(sid).length === states.length);
      expect(statesOf(sid)).toEqual(states);
      expect(twin.chat.message(sid)).toMatchObject({ errorCode: code, status: states.at(-1) });
    }
    const { sid } = await client.messages.create(message);
    await until('delivery', () => statesOf(sid).at(-1) === 'delivered');
  });
});

test('callbacks shuffled, dropped, and before the answer', async () => {
  await withTwilio(
    { pace: { sentMs: 1, deliveredMs: 60, readMs: 0 } },
    async ({ twin, client, receiver }) => {
      await twin.chat.receive(PHONE, { text: 'hello' });
      receiver.received.length = 0;
      const states = () => receiver.received.map(({ params }) => params['MessageStatus']);
      twin.faults.set('callbacks-shuffled', { times: 1 });
      await client.messages.create(message);
      await until('both', () => states().length === 2);
      expect(states()).toEqual(['delivered', 'sent']);
      twin.faults.set('callbacks-dropped', {
        when: ({ MessageStatus }) => MessageStatus === 'sent',
      });
      await client.messages.create(message);
      await until('the one left', () => states().length === 3);
      expect(states().at(-1)).toBe('delivered');
      const dropped = twin.memory.callbacks.filter((callback) => callback.dropped);
      expect(dropped).toMatchObject([{ params: { MessageStatus: 'sent' }, status: 0 }]);
      twin.faults.clear();
      twin.faults.set('callback-before-answer', { times: 1 });
      const created = await client.messages.create(message);
      expect(created.status).toBe('queued');
      expect(receiver.received[3]?.params).toMatchObject({
        MessageSid: created.sid,
        MessageStatus: 'sent',
      });
    },
  );
});

test('duplicate webhooks, lagging lists, failing typing, and no Content API', async () => {
  await withTwilio({}, async ({ twin, client, receiver }) => {
    twin.faults.set('webhook-duplicate', { times: 1, copies: 3 });
    const { sid } = await twin.chat.receive(PHONE, { text: 'hello' });
    expect(receiver.received.map(({ params }) => params['MessageSid'])).toEqual([sid, sid, sid]);
    expect(
      new Set(receiver.received.map(({ headers }) => headers['i-twilio-idempotency-token'])).size,
    ).toBe(3);
    twin.faults.set('list-lags', { ms: 60_000, times: 1 });
    expect(await client.messages.list()).toEqual([]);
    expect(await client.messages.list()).toHaveLength(1);
    twin.faults.set('typing-fails', { times: 1 });
    const typing = () =>
      client.messaging.v2.typingIndicator.create({ channel: 'whatsapp', messageId: sid });
    await expect(typing()).rejects.toMatchObject({ status: 500 });
    await expect(typing()).resolves.toMatchObject({ success: true });
    twin.faults.set('content-refused');
    await expect(client.content.v1.contents.list()).rejects.toMatchObject({
      status: 403,
      code: 20403,
    });
    await expect(client.content.v1.contents.list()).rejects.toMatchObject({ status: 403 });
    twin.faults.clear('content-refused');
    expect(await client.content.v1.contents.list()).toEqual([]);
  });
});

test('a probability repeats with its seed, and nonsense is refused', () => {
  const draw = (seed: number) => {
    const faults = new Faults();
    faults.set('create-429', { probability: 0.3, seed });
    return Array.from({ length: 200 }, () => faults.take('create-429') !== undefined);
  };
  expect(draw(7)).toEqual(draw(7));
  expect(draw(7)).not.toEqual(draw(8));
  const share = draw(7).filter(Boolean).length / 200;
  expect(share).toBeGreaterThan(0.2);
  expect(share).toBeLessThan(0.4);
  const faults = new Faults();
  expect(() => faults.set('no-such-fault' as FaultName)).toThrow('no fault "no-such-fault"');
  expect(() => faults.set('create-429', { probability: 0.5 })).toThrow('needs a seed');
  expect(() => faults.set('create-429', { probability: 2, seed: 1 })).toThrow('from 0 to 1');
  expect(() => faults.set('create-429', { times: -1 })).toThrow('times');
});
