import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import twilio from 'twilio';
import { z } from 'zod';
import { parseRelayConfig } from '../../relay/config.ts';
import { runRelay } from '../../relay/relay.ts';
import { keys, prefix } from '../../shared/store/redis/keys.ts';
import { createLog } from '../../shared/runtime/log.ts';
import { runRedisServer } from '../../simulator/redis-server.ts';
import { phone, withPipeline } from './pipeline.ts';
import type { Pipeline } from './pipeline.ts';
import { scaled } from './machine-speed.ts';
import { until } from './until.ts';

/** The relay of a pipeline, with what it logged. */
export type RelayBench = Pipeline & {
  /** Its log so far, one object a line. */
  logged: () => Record<string, unknown>[];
  /**
   * Posts a form to a path of the relay, signed as Twilio does it unless `headers` says otherwise.
   */
  post: (path: string, form: Form, headers?: Record<string, string>) => Promise<Response>;
  /**
   * Starts the stopped Redis again, on the same port with the same data; it is stopped at the end.
   */
  restartRedis: () => Promise<void>;
};

export type Form = Record<string, string>;

/**
 * Runs the relay, its log captured, with a Redis and a Twilio twin, for as long as `test` takes.
 */
export async function withRelay(
  environment: Record<string, string>,
  test: (bench: RelayBench) => Promise<void>,
): Promise<void> {
  const restarted: { stop(): Promise<void> }[] = [];
  try {
    await withPipeline({ relay: false, environment }, async (pipeline) => {
      const lines: string[] = [];
      const relay = await runRelay(
        parseRelayConfig(pipeline.environment),
        createLog('relay', 'info', { write: (line) => void lines.push(line) }),
      );
      try {
        // Until its queues are known to Redis the relay is still starting, and what it stores then
        // is not of a test's making.
        await until(
          'the relay has started',
          async () =>
            (await pipeline.redis.exists(
              `${prefix}:turns:meta`,
              `${prefix}:deliveries:meta`,
              `${prefix}:schedules:meta`,
              keys.epoch,
              keys.allowed,
            )) === 5,
        );
        await test({
          ...pipeline,
          logged: () =>
            lines.map((line) => z.record(z.string(), z.unknown()).parse(JSON.parse(line))),
          post: (where, form, headers) => postForm(pipeline, where, form, headers),
          restartRedis: async () =>
            void restarted.push(
              await runRedisServer({
                dir: pipeline.redisServer.dir,
                port: pipeline.redisServer.port,
              }),
            ),
        });
      } finally {
        await relay.stop();
      }
    });
  } finally {
    // Last of all: a worker that the test started still needs it to stop.
    for (const server of restarted) await server.stop();
  }
}

/** A message's parameters, as Twilio posts them. */
export function messageForm(change: Form = {}): Form {
  const sid = change['MessageSid'] ?? newSid();
  return {
    MessageSid: sid,
    SmsSid: sid,
    SmsMessageSid: sid,
    AccountSid: `AC${'1'.repeat(32)}`,
    From: `whatsapp:${phone}`,
    To: 'whatsapp:+15550100000',
    Body: 'hello',
    NumMedia: '0',
    NumSegments: '1',
    SmsStatus: 'received',
    ApiVersion: '2010-04-01',
    ...change,
  };
}

/** A status callback's parameters, as Twilio posts them of a message of ours. */
export function statusForm(change: Form = {}): Form {
  return {
    MessageSid: newSid(),
    MessageStatus: 'delivered',
    AccountSid: `AC${'1'.repeat(32)}`,
    From: 'whatsapp:+15550100000',
    To: `whatsapp:${phone}`,
    ApiVersion: '2010-04-01',
    ...change,
  };
}

/** A message id that was never used. */
export const newSid = (): string => `SM${randomBytes(16).toString('hex')}`;

/** What Twilio's SDK signs a form with, for an address below the relay's public one. */
export function signatureFor(
  environment: Record<string, string>,
  where: string,
  form: Form,
): string {
  return twilio.getExpectedTwilioSignature(
    environment['TWILIO_AUTH_TOKEN'] ?? '',
    (environment['PUBLIC_URL'] ?? '') + where,
    form,
  );
}

async function postForm(
  { environment, relayUrl }: Pipeline,
  where: string,
  form: Form,
  headers: Record<string, string> = {},
): Promise<Response> {
  return await fetch(relayUrl + where, {
    method: 'POST',
    body: new URLSearchParams(form).toString(),
    redirect: 'manual',
    signal: AbortSignal.timeout(scaled(20_000)),
    headers: {
      'Content-Type': 'application/x-www-form-urlencoded',
      'X-Twilio-Signature': signatureFor(environment, where, form),
      ...headers,
    },
  });
}

const Samples = z.array(z.object({ name: z.string(), params: z.record(z.string(), z.string()) }));

/** The samples of a file in `tests/fixtures/`. */
export function readSamples(file: string): z.infer<typeof Samples> {
  return Samples.parse(
    JSON.parse(readFileSync(path.join(import.meta.dirname, '..', 'fixtures', file), 'utf8')),
  );
}
