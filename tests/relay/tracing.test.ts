import { expect, test } from 'vitest';
import { parseRelayConfig } from '../../relay/config.ts';
import { relayDeps, runRelay } from '../../relay/relay.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import { createLog } from '../../shared/runtime/log.ts';
import { startTracing } from '../../shared/runtime/telemetry.ts';
import { untraced } from '../../shared/runtime/tracing.ts';
import { phone, withPipeline } from '../support/pipeline.ts';
import { runTraceReceiver } from '../support/trace-receiver.ts';
import { until } from '../support/until.ts';

type Line = Record<string, unknown>;

/** The log lines of a message's way, in their order: what happened, and of a status which one. */
const trailOf = (lines: Line[], turn: string): string[] =>
  lines
    .filter((line) => line['turn'] === turn)
    .map(({ msg, status }) => (msg === 'status' ? `status ${String(status)}` : String(msg)));

test('with an address for traces a message is one trace, from the webhook through the worker to its delivery, and one id in the log, with nothing in either that somebody said', async () => {
  const receiver = await runTraceReceiver();
  const lines: Line[] = [];
  const log = createLog('test', 'info', {
    write: (line) => void lines.push(JSON.parse(line) as Line),
  });
  try {
    await withPipeline(
      { relay: false, log, environment: { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url } },
      async (pipeline) => {
        const config = parseRelayConfig(pipeline.environment);
        const tracing = await startTracing(config, 'sidepocket-test');
        const relay = await runRelay(config, log, { ...relayDeps(config, log), tracing });
        let sid = '';
        try {
          // The two share one tracing here, which the relay ends.
          const worker = await pipeline.startWorker({
            tracing: { ...tracing, stop: async () => undefined },
            answer: async () => 'an answer',
          });
          sid = await pipeline.say('private words');
          await until('the answer', () => pipeline.replies().length === 1);
          await until('the line about its delivery', () =>
            trailOf(lines, sid).includes('status delivered'),
          );
          await until('the end of the turn', () => trailOf(lines, sid).includes('turn done'));
          await worker.stop();
        } finally {
          // What has not been sent is sent with the end.
          await relay.stop();
        }
        const { spans, requests } = receiver;
        expect(new Set(requests.map(({ path }) => path))).toEqual(new Set(['/v1/traces']));
        expect(new Set(spans.map(({ service }) => service))).toEqual(new Set(['sidepocket-test']));
        const root = spans.find(
          ({ name, attributes }) => name === 'message' && attributes['sidepocket.turn'] === sid,
        );
        expect(root).toMatchObject({
          kind: 2,
          parent: undefined,
          attributes: { 'sidepocket.message': sid, 'sidepocket.outcome': 'new' },
        });
        const trail = [
          'message',
          'add turns',
          'process turns',
          'add deliveries',
          'process deliveries',
          'send',
        ];
        for (const [index, name] of trail.entries()) {
          const found = spans.filter((span) => span.trace === root?.trace && span.name === name);
          expect(found, `${name} of ${spans.map((other) => other.name).join()}`).toHaveLength(1);
          expect(spans.find(({ id }) => id === found[0]?.parent)?.name).toBe(trail[index - 1]);
        }
        expect(
          spans.filter(
            ({ name, attributes }) =>
              name === 'status' &&
              attributes['sidepocket.turn'] === sid &&
              attributes['sidepocket.status'] === 'delivered',
          ),
        ).toHaveLength(1);
        expect(trailOf(lines, sid).toSorted()).toEqual([
          'accepted',
          'sent',
          'status delivered',
          'status sent',
          'turn',
          'turn done',
        ]);
        const text = [...requests.map((request) => request.text), JSON.stringify(lines)].join('\n');
        for (const secret of [
          'private words',
          'an answer',
          phone.slice(1),
          pipeline.environment['TWILIO_AUTH_TOKEN'] ?? '-',
        ])
          expect(text).not.toContain(secret);
      },
    );
  } finally {
    await receiver.stop();
  }
});

test('without an address, or switched off, nothing is traced and a job carries nothing', async () => {
  expect(await startTracing({}, 'x')).toBe(untraced);
  expect(
    await startTracing(
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1', OTEL_SDK_DISABLED: true },
      'x',
    ),
  ).toBe(untraced);
  await withPipeline({}, async ({ say, redis }) => {
    const sid = await say('hello');
    const options = await until('the job', () => redis.hget(keys.job('turns', sid), 'opts'));
    expect(Object.keys(JSON.parse(options))).not.toContain('tm');
  });
});

test('a collector that is away holds nothing up', { tags: 'long' }, async () => {
  await withPipeline(
    {
      relay: false,
      environment: { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://127.0.0.1:1/v1/traces' },
    },
    async (pipeline) => {
      const config = parseRelayConfig(pipeline.environment);
      const relay = await runRelay(config, pipeline.log, {
        ...relayDeps(config, pipeline.log),
        tracing: await startTracing(config, 'x'),
      });
      try {
        await pipeline.startWorker();
        await pipeline.say('hello');
        await until('the answer', () => pipeline.replies().length === 1);
        expect(pipeline.replies()[0]?.text).toBe('answer to hello');
      } finally {
        await relay.stop();
      }
    },
  );
});
