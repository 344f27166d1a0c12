import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { createServer as createConnections } from 'node:net';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { expect, test } from 'vitest';
import {
  createDelivery,
  explain,
  latestWriteMs,
  reconcilingTimes,
} from '../../shared/delivery/deliver.ts';
import type { DeliveryDeps } from '../../shared/delivery/deliver.ts';
import { createLog } from '../../shared/runtime/log.ts';
import { SendFailure } from '../../shared/delivery/messenger.ts';
import type { Messenger } from '../../shared/delivery/messenger.ts';
import { Reply } from '../../shared/store/reply.ts';
import { traceMessenger } from '../../shared/delivery/traced-messenger.ts';
import { createTwilioMessenger } from '../../shared/twilio/messenger.ts';
import { ACCOUNT, NUMBER, PHONE, TOKEN, withTwilio } from '../support/twilio-bench.ts';

const log = createLog('test', 'silent');
const messengerAt = (apiUrl: string): Messenger =>
  createTwilioMessenger({ accountSid: ACCOUNT, authToken: TOKEN, number: NUMBER, apiUrl }, log);
const outgoing = (text: string) => ({
  to: PHONE,
  text,
  statusCallback: 'http://127.0.0.1:9/status',
});

/**
 * Halts this process as a stop signal or a suspended machine would: nothing of it runs meanwhile.
 */
const halt = (ms: number): void =>
  void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

const failureOf = async (send: Promise<unknown>): Promise<SendFailure> => {
  try {
    await send;
  } catch (error) {
    return error as SendFailure;
  }
  throw new Error('it was sent');
};

test('a process that was halted before its request was written sends nothing any more', async () => {
  await withTwilio({}, async ({ twin }) => {
    await twin.chat.receive(PHONE, { text: 'hello' });
    const messenger = messengerAt(twin.url);
    const haltedSend = async (text: string): Promise<SendFailure> => {
      const sending = failureOf(messenger.send(outgoing(text), Date.now() + 100));
      halt(150);
      return await sending;
    };
    // On a connection that is opened for it, and on one that is open already.
    expect(await haltedSend('first')).toMatchObject({ name: 'SendFailure', action: 'reconcile' });
    await messenger.send(outgoing('in between'), Date.now() + 60_000);
    expect(await haltedSend('second')).toMatchObject({ action: 'reconcile' });
    expect(twin.memory.attempts.map(({ params }) => params['Body'])).toEqual(['in between']);
  });
});

test('a secure connection that takes too long to agree on its keys carries no request', async () => {
  const pem = readFileSync(path.join(import.meta.dirname, '../fixtures/self-signed.pem'));
  const requests: (string | undefined)[] = [];
  const server = createServer({ key: pem, cert: pem }, (request, response) => {
    requests.push(request.url);
    response.writeHead(201).end('{"sid":"SM1"}');
  });
  // The connection is there at once; what is said on it comes later.
  let delayMs = 200;
  const slow = createConnections(
    (socket) => void setTimeout(() => server.emit('connection', socket), delayMs),
  );
  await new Promise<void>((resolve) => slow.listen(0, '127.0.0.1', resolve));
  const messenger = messengerAt(`https://127.0.0.1:${(slow.address() as AddressInfo).port}`);
  const trusted = getCACertificates('default');
  setDefaultCACertificates([...trusted, pem.toString()]);
  try {
    expect(await failureOf(messenger.send(outgoing('x'), Date.now() + 100))).toMatchObject({
      action: 'reconcile',
    });
    expect(requests).toEqual([]);
    delayMs = 0;
    expect(await messenger.send(outgoing('x'), Date.now() + 60_000)).toEqual({ sid: 'SM1' });
    expect(requests).toHaveLength(1);
  } finally {
    setDefaultCACertificates(trusted);
    server.closeAllConnections();
    slow.close();
  }
});

test('the deadline counts from the note of the attempt, and ends well before its absence is believed', async () => {
  const notAfter: (number | undefined)[] = [];
  const noted = '2026-11-29T10:00:00.000Z';
  const carrier = {
    send: async (_: unknown, latest?: number) => {
      notAfter.push(latest);
      return { sid: 'SM1' };
    },
  } as unknown as Messenger;
  const messenger = traceMessenger(carrier, (_name, _kind, run) => run(() => undefined));
  const reply = Reply.parse({
    id: 'r',
    conversation: PHONE,
    turn: 't',
    text: 'x',
    status: 'posting',
    at: noted,
    attemptedAt: noted,
    attempts: 1,
  });
  const ledger = { accepted: async () => 0 } as unknown as DeliveryDeps['ledger'];
  const parts = {
    messenger,
    ledger,
    log,
    publicUrl: 'http://x',
    reconciling: reconcilingTimes,
    now: Date.now,
  } as unknown as DeliveryDeps;
  await createDelivery(parts)(reply, undefined, 1);
  expect(notAfter).toEqual([Date.parse(noted) + 10_000]);
  expect(latestWriteMs(reconcilingTimes) + 15_000).toBeLessThanOrEqual(reconcilingTimes.lastMs);
  expect(latestWriteMs({ firstMs: 1, lastMs: 400, blindMs: 1 })).toBeLessThan(400);
});

test('a reply that Twilio puts off for a day is given up, and its explanation needs none', async () => {
  const now = Date.parse('2026-11-29T10:00:00.000Z');
  const tried: string[] = [];
  const said: string[] = [];
  const replyOf = (id: string, hours: number) =>
    Reply.parse({
      id,
      conversation: PHONE,
      turn: 't',
      text: 'x',
      status: 'posting',
      at: new Date(now - hours * 3600_000).toISOString(),
      attempts: 1,
    });
  const ledger = {
    failed: async (_reply: Reply, _attempt: number, action: string) => void tried.push(action),
    find: async (id: string) => replyOf(id, 1),
  } as unknown as DeliveryDeps['ledger'];
  const outbox = {
    put: async (replies: { id: string }[]) => void said.push(...replies.map(({ id }) => id)),
  } as unknown as DeliveryDeps['outbox'];
  const messenger = {
    send: async () => {
      throw new SendFailure('later', 'too many requests', 429);
    },
  } as unknown as Messenger;
  const parts = { messenger, ledger, outbox, log, publicUrl: 'http://x', now: () => now };
  const deliver = createDelivery({
    ...parts,
    reconciling: reconcilingTimes,
  } as unknown as DeliveryDeps);
  await deliver(replyOf('young', 23), undefined, 1);
  expect([tried.splice(0), said.splice(0)]).toEqual([['later'], []]);
  await deliver(replyOf('old', 25), undefined, 1);
  expect([tried.splice(0), said.splice(0)]).toEqual([['give-up'], ['old.failure']]);
  await explain(outbox, ledger, 'old.failure', 'give-up');
  expect(said).toEqual([]);
});

test('a look-up that finds only what has failed before sends again; another failure is noted', async () => {
  const now = Date.now();
  const reply = Reply.parse({
    id: 'r',
    conversation: PHONE,
    turn: 't',
    text: 'x',
    status: 'posting',
    at: new Date(now - 3600_000).toISOString(),
    attempts: 0,
    failedSid: 'SM1',
  });
  const noted: string[] = [];
  const sent: string[] = [];
  const deliverTo = createDelivery({
    messenger: {
      find: async () => [{ sid: listed, refusal: { action: 'later', code: 30_008 } }],
      send: async ({ text }: { text: string }) => {
        sent.push(text);
        return { sid: 'SM3' };
      },
    },
    ledger: {
      isClaimed: async () => false,
      find: async () => undefined,
      begin: async () => 1,
      note: async (_id: string, _conversation: string, sid: string) => void noted.push(sid),
      accepted: async () => 0,
    },
    sendRate: { reserve: async () => 0 },
    reconciling: reconcilingTimes,
    publicUrl: 'http://x',
    now: () => now,
    log,
  } as unknown as DeliveryDeps);
  let listed = 'SM2';
  await deliverTo(reply);
  expect([noted, sent]).toEqual([['SM2'], []]);
  listed = 'SM1';
  await deliverTo(reply);
  expect([noted, sent]).toEqual([['SM2'], ['x']]);
});
