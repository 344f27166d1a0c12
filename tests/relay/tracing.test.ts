import { expect, test } from 'vitest';
import { parseRelayConfig } from '../../relay/config.ts';
import { relayParts, runRelay } from '../../relay/relay.ts';
import { createDelivery } from '../../shared/delivery.ts';
import { keys } from '../../shared/keys.ts';
import { createLedger } from '../../shared/ledger.ts';
import { createOutbox } from '../../shared/outbox.ts';
import { createPace } from '../../shared/pace.ts';
import { createDeliveries } from '../../shared/queues.ts';
import { connectRedis } from '../../shared/redis.ts';
import { startTracing } from '../../shared/telemetry.ts';
import { traceMessenger } from '../../shared/traced-messenger.ts';
import { untraced } from '../../shared/tracing.ts';
import type { Tracing } from '../../shared/tracing.ts';
import { createTwilioMessenger } from '../../shared/twilio-messenger.ts';
import { createDeliveryProcessor } from '../../worker/deliveries.ts';
import { closeQueueWorker, createQueueWorker } from '../../worker/queue-worker.ts';
import { phone, withPipeline } from '../support/pipeline.ts';
import type { Pipeline } from '../support/pipeline.ts';
import { runTraceReceiver } from '../support/trace-receiver.ts';
import { until } from '../support/until.ts';

/** Works both queues as the worker does, with an answer of its own making. */
async function withSmallWorker({ environment, log, redis }: Pipeline, tracing: Tracing, use: () => Promise<void>): Promise<void> {
  const own = connectRedis(environment['REDIS_URL'] ?? '', 'patient', log);
  const deliveries = createDeliveries(own, { telemetry: tracing.queues });
  const outbox = createOutbox(own, deliveries);
  const account = { accountSid: environment['TWILIO_ACCOUNT_SID'] ?? '', authToken: environment['TWILIO_AUTH_TOKEN'] ?? '', number: environment['TWILIO_WHATSAPP_NUMBER'] ?? '', apiUrl: environment['TWILIO_API_URL'] };
  const deliver = createDelivery({
    messenger: traceMessenger(createTwilioMessenger(account, log), tracing.trace), outbox, ledger: createLedger(own), log, pace: createPace(own, { intervalMs: 1, burst: 100 }),
    publicUrl: environment['PUBLIC_URL'] ?? '', reconciling: { firstMs: 100, lastMs: 400, blindMs: 2000 }, now: Date.now,
  });
  const common = { redis: own, owner: 'small#1', concurrency: 1, running: new Set<string>(), telemetry: tracing.queues, log };
  const workers = [
    createQueueWorker({
      ...common, name: 'turns',
      process: async (job) => {
        const messages = (await redis.lrange(keys.inbox(phone), 0, -1)).map((raw) => String(JSON.parse(raw).id));
        await outbox.put([{ id: `${job.id}.1`, conversation: phone, turn: job.id ?? '', text: 'an answer' }], undefined, { conversation: phone, ids: messages, state: 'answered' });
      },
    }),
    createQueueWorker({ ...common, name: 'deliveries', process: createDeliveryProcessor(outbox, deliver) }),
  ];
  for (const worker of workers) worker.run().catch(() => undefined);
  try {
    await use();
  } finally {
    await Promise.all(workers.map((worker) => closeQueueWorker(worker, 3000)));
    await deliveries.close();
    own.disconnect();
  }
}

test('with an address for traces a message is one trace, from the webhook to its delivery, with nothing in it that somebody said', async () => {
  const receiver = await runTraceReceiver();
  try {
    await withPipeline({ relay: false, environment: { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url } }, async (pipeline) => {
      const config = parseRelayConfig(pipeline.environment);
      const tracing = await startTracing(config, 'sidepocket-test');
      const relay = await runRelay(config, pipeline.log, { ...relayParts(config, pipeline.log), tracing });
      let sid = '';
      try {
        await withSmallWorker(pipeline, tracing, async () => {
          sid = await pipeline.say('private words');
          await until('the answer', () => pipeline.replies().length === 1);
          await until('its delivery', async () => (await pipeline.redis.hget(keys.reply(`${sid}.1`), 'status')) === 'delivered');
        });
      } finally {
        // What has not been sent is sent with the end.
        await relay.stop();
      }
      const { spans, requests } = receiver;
      expect(new Set(requests.map(({ path }) => path))).toEqual(new Set(['/v1/traces']));
      expect(new Set(spans.map(({ service }) => service))).toEqual(new Set(['sidepocket-test']));
      const root = spans.find(({ name, attributes }) => name === 'message' && attributes['sidepocket.turn'] === sid);
      expect(root).toMatchObject({ kind: 2, parent: undefined, attributes: { 'sidepocket.message': sid, 'sidepocket.outcome': 'new' } });
      const trail = ['message', 'add turns', 'process turns', 'add deliveries', 'process deliveries', 'send'];
      for (const [index, name] of trail.entries()) {
        const span = spans.find((candidate) => candidate.trace === root?.trace && candidate.name === name);
        expect(span, `${name} of ${spans.map((other) => other.name).join()}`).toBeDefined();
        const parent = spans.find(({ id }) => id === span?.parent);
        expect(parent?.name).toBe(trail[index - 1]);
      }
      expect(spans.filter(({ name, attributes }) => name === 'status' && attributes['sidepocket.turn'] === sid && attributes['sidepocket.status'] === 'delivered')).toHaveLength(1);
      const text = requests.map((request) => request.text).join('\n');
      for (const secret of ['private words', 'an answer', phone.slice(1), pipeline.environment['TWILIO_AUTH_TOKEN'] ?? '-']) expect(text).not.toContain(secret);
    });
  } finally {
    await receiver.stop();
  }
}, 30_000);

test('without an address, or switched off, nothing is traced and a job carries nothing', async () => {
  expect(await startTracing({}, 'x')).toBe(untraced);
  expect(await startTracing({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1', OTEL_SDK_DISABLED: true }, 'x')).toBe(untraced);
  await withPipeline({}, async ({ say, redis }) => {
    const sid = await say('hello');
    const options = await until('the job', () => redis.hget(keys.job('turns', sid), 'opts'));
    expect(Object.keys(JSON.parse(options))).not.toContain('tm');
  });
});

test('a collector that is away holds nothing up', async () => {
  await withPipeline({ relay: false, environment: { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://127.0.0.1:1/v1/traces' } }, async (pipeline) => {
    const config = parseRelayConfig(pipeline.environment);
    const relay = await runRelay(config, pipeline.log, { ...relayParts(config, pipeline.log), tracing: await startTracing(config, 'x') });
    try {
      await pipeline.startWorker();
      await pipeline.say('hello');
      await until('the answer', () => pipeline.replies().length === 1);
      expect(pipeline.replies()[0]?.text).toBe('answer to hello');
    } finally {
      await relay.stop();
    }
  });
}, 30_000);
