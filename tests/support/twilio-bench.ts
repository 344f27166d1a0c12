import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import twilio from 'twilio';
import { runTwin, type Twin, type TwinOptions } from '../../simulator/twilio/twin.ts';
import { scaled } from './machine-speed.ts';

export const ACCOUNT = `AC${'0'.repeat(32)}`;
export const TOKEN = 'test-auth-token';
export const NUMBER = '+14155238886';
export const PHONE = '+15551230001';
export const FROM = `whatsapp:${NUMBER}`;
export const TO = `whatsapp:${PHONE}`;

/** A request that the twin made to the product's place. */
export type Received = {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  params: Record<string, string>;
  /** Whether the SDK accepts its signature. */
  valid: boolean;
};

/**
 * A small server in the product's place: it remembers requests, checks signatures, and answers as
 * the test says.
 */
export type Receiver = {
  url: string;
  received: Received[];
  /**
   * Answers in place of the default (TwiML to /webhook, 204 to anything else); return false to
   * leave it to the default.
   */
  answer: (request: Received, res: ServerResponse) => boolean;
};

export type Bench = { twin: Twin; client: twilio.Twilio; receiver: Receiver };

/**
 * Runs a test with a twin, a receiver, and the real SDK pointed at the twin, and stops them
 * afterwards.
 */
export async function withTwilio(
  options: Partial<TwinOptions>,
  run: (bench: Bench) => Promise<void>,
  fragment = '',
): Promise<void> {
  const { receiver, stop } = await openReceiver();
  const twin = await runTwin({
    accountSid: ACCOUNT,
    authToken: TOKEN,
    number: NUMBER,
    webhookUrl: `${receiver.url}/webhook${fragment}`,
    statusUrl: `${receiver.url}/webhook/status`,
    pace: { sentMs: 5, deliveredMs: 20, readMs: 0 },
    ...options,
  });
  try {
    await run({ twin, client: connectClient(twin.url), receiver });
  } finally {
    await twin.stop();
    await stop();
  }
}

/** The real SDK with its three domains pointed at a twin. */
export function connectClient(url: string, token = TOKEN, timeout = scaled(5000)): twilio.Twilio {
  const client = twilio(ACCOUNT, token, { timeout });
  for (const domain of [client.api, client.messaging, client.content]) domain.baseUrl = url;
  return client;
}

/**
 * What the SDK rejected with, as far as tests ask; `code` is also a network error's name. Fails
 * when it resolved.
 */
export async function refusalOf(request: Promise<unknown>): Promise<Record<string, unknown>> {
  try {
    await request;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return { ...error, name: error.name, message: error.message };
  }
  throw new Error('the request was expected to be refused');
}

async function openReceiver(): Promise<{ receiver: Receiver; stop: () => Promise<void> }> {
  const receiver: Receiver = { url: '', received: [], answer: () => false };
  const server = createServer(async (req, res) => {
    let body = '';
    for await (const chunk of req) body += String(chunk);
    const params = Object.fromEntries(new URLSearchParams(body));
    const signature = String(req.headers['x-twilio-signature']);
    const path = req.url ?? '';
    const valid = twilio.validateRequest(TOKEN, signature, receiver.url + path, params);
    const request = { method: req.method ?? '', path, headers: req.headers, params, valid };
    receiver.received.push(request);
    if (receiver.answer(request, res)) return;
    if (path === '/webhook')
      res.writeHead(200, { 'content-type': 'text/xml' }).end('<?xml version="1.0"?><Response/>');
    else res.writeHead(204).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  receiver.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const stop = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { receiver, stop };
}
